//! The messages of an ONNX file: fields, each a key and a value.

/// What is wrong with a file.
pub(crate) type Problem = &'static str;

pub(super) const CUT: Problem = "is cut off or damaged: fetch it again";

/// The fields of a message that are left.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

pub(super) enum Field<'a> {
    Number(u64),
    Message(&'a [u8]),
    Other,
}

impl<'a> Fields<'a> {
    /// The bytes of the fields of this number.
    pub(super) fn messages(mut self, number: u64) -> Result<Vec<&'a [u8]>, Problem> {
        let mut messages = Vec::new();
        while let Some((field, value)) = self.next()? {
            if let (true, Field::Message(bytes)) = (field == number, value) {
                messages.push(bytes);
            }
        }
        Ok(messages)
    }

    /// The texts of the fields of this number.
    pub(super) fn texts(self, number: u64) -> Result<Vec<String>, Problem> {
        let texts = self.messages(number)?;
        Ok(texts.into_iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect())
    }

    /// All numbers that lie behind each other without keys.
    pub(super) fn packed(mut self) -> Result<Vec<u64>, Problem> {
        let mut numbers = Vec::new();
        while !self.0.is_empty() {
            numbers.push(self.number()?);
        }
        Ok(numbers)
    }

    pub(super) fn next(&mut self) -> Result<Option<(u64, Field<'a>)>, Problem> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.number()?;
        let field = match key & 7 {
            0 => Field::Number(self.number()?),
            2 => {
                let length = usize::try_from(self.number()?).map_err(|_| CUT)?;
                Field::Message(self.take(length)?)
            }
            1 => self.take(8).map(|_| Field::Other)?,
            5 => self.take(4).map(|_| Field::Other)?,
            _ => return Err("is no ONNX file"),
        };
        Ok(Some((key >> 3, field)))
    }

    /// A number, in sevens of bits from the lowest.
    fn number(&mut self) -> Result<u64, Problem> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(CUT)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("is no ONNX file")
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Problem> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }
}
