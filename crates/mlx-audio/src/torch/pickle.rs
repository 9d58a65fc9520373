//! Python's pickles, as far as files of tensors need them: numbers, texts, lists, dictionaries and tensors.
//!
//! Nothing is run: a pickle that names any class or function beyond those of tensors is refused. The opcodes are those of
//! protocol 2 in the documentation of Python's `pickletools`.

use std::collections::HashMap;
use std::ops::Range;

/// What is wrong with a file.
pub(super) type Problem = String;

/// A value, which refers to the bytes that it was read from, and to other values by their number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// A number that nothing here needs.
    Other,
    Text(&'a str),
    Tuple(usize),
    List(usize),
    /// Keys and values in turn.
    Dict(usize),
    Global(Global),
    Storage(usize),
    Tensor(usize),
}

/// A name that a pickle may call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Global {
    OrderedDict,
    Tensor,
    Parameter,
    Storage(Kind),
}

/// What a storage holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Single,
    /// Anything else, of so many bytes each.
    Other(usize),
}

/// Numbers that tensors share.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Storage<'a> {
    pub(super) key: &'a str,
    pub(super) kind: Kind,
    pub(super) length: usize,
}

/// A part of a storage.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    pub(super) storage: usize,
    pub(super) elements: Range<usize>,
    pub(super) shape: Vec<i32>,
}

/// More values than any checkpoint has: what bounds the memory that a file can take.
const MOST_VALUES: usize = 1 << 20;

/// Reads one pickle after the other.
pub(super) struct Pickles<'a> {
    rest: &'a [u8],
    pub(super) storages: Vec<Storage<'a>>,
    pub(super) tensors: Vec<Tensor>,
    nodes: Vec<Vec<Value<'a>>>,
    stack: Vec<Value<'a>>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
}

impl<'a> Pickles<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            storages: Vec::new(),
            tensors: Vec::new(),
            nodes: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        }
    }

    /// The bytes behind the last pickle.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The elements of a list or tuple, or the keys and values of a dictionary in turn.
    pub(super) fn elements(&self, value: Value<'a>) -> &[Value<'a>] {
        match value {
            Value::Tuple(at) | Value::List(at) | Value::Dict(at) => {
                self.nodes.get(at).map_or(&[], Vec::as_slice)
            }
            _ => &[],
        }
    }

    /// The keys and values of a dictionary whose keys are texts; others are left out.
    pub(super) fn entries(&self, value: Value<'a>) -> impl Iterator<Item = (&'a str, Value<'a>)> + '_ {
        self.elements(value).chunks_exact(2).filter_map(|entry| match entry {
            [Value::Text(key), value] => Some((*key, *value)),
            _ => None,
        })
    }

    /// The next pickle.
    pub(super) fn read(&mut self) -> Result<Value<'a>, Problem> {
        self.stack.clear();
        self.marks.clear();
        self.memo.clear();
        for _ in 0..8 * MOST_VALUES {
            let [code] = self.bytes()?;
            if code == b'.' {
                return self.pop();
            }
            self.step(code)?;
            if self.stack.len() > MOST_VALUES || self.nodes.len() > MOST_VALUES {
                break;
            }
        }
        Err(format!("a pickle in it has more than {MOST_VALUES} values"))
    }

    fn step(&mut self, code: u8) -> Result<(), Problem> {
        match code {
            0x80 => return self.protocol(),
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.stack.push(Value::None),
            0x88 | 0x89 => self.stack.push(Value::Bool(code == 0x88)),
            b'K' | b'M' | b'J' | 0x8a | b'G' => {
                let number = self.number(code)?;
                self.stack.push(number);
            }
            b'X' => {
                let text = self.text()?;
                self.stack.push(Value::Text(text));
            }
            b'}' | b']' | b')' | b't' | 0x85..=0x87 => self.container(code)?,
            b'q' | b'r' | b'h' | b'j' => self.remember(code)?,
            b'c' => self.global()?,
            b'R' => self.call()?,
            // The state of a dictionary is metadata that no tensor needs.
            b'b' => drop(self.pop()?),
            b'a' | b'e' | b's' | b'u' => self.put(code)?,
            b'Q' => self.storage()?,
            other => {
                return Err(format!(
                    "a pickle in it uses opcode {other:#04x}, which no file of tensors needs"
                ));
            }
        }
        Ok(())
    }

    fn protocol(&mut self) -> Result<(), Problem> {
        match self.bytes()? {
            [2] => Ok(()),
            [other] => Err(format!("a pickle in it has protocol {other}, only 2 is supported")),
        }
    }

    fn number(&mut self, code: u8) -> Result<Value<'a>, Problem> {
        Ok(match code {
            b'K' => Value::Int(i64::from(u8::from_le_bytes(self.bytes()?))),
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.bytes()?))),
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.bytes()?))),
            b'G' => {
                self.bytes::<8>()?;
                Value::Other
            }
            _ => {
                let [length] = self.bytes()?;
                let digits = self.take(usize::from(length))?;
                let negative = digits.last().is_some_and(|&last| last >= 0x80);
                let mut all = [if negative { 0xff } else { 0 }; 8];
                all.iter_mut().zip(digits).for_each(|(to, digit)| *to = *digit);
                if digits.len() > 8 { Value::Other } else { Value::Int(i64::from_le_bytes(all)) }
            }
        })
    }

    fn text(&mut self) -> Result<&'a str, Problem> {
        let length = u32::from_le_bytes(self.bytes()?);
        let text = self.take(length as usize)?;
        std::str::from_utf8(text).map_err(|_| "a text in it is not UTF-8".to_owned())
    }

    fn container(&mut self, code: u8) -> Result<(), Problem> {
        let count = match code {
            b't' => self.marked()?,
            0x85..=0x87 => self.last(usize::from(code - 0x84))?,
            _ => Vec::new(),
        };
        let at = self.nodes.len();
        self.nodes.push(count);
        self.stack.push(match code {
            b'}' => Value::Dict(at),
            b']' => Value::List(at),
            _ => Value::Tuple(at),
        });
        Ok(())
    }

    fn remember(&mut self, code: u8) -> Result<(), Problem> {
        let name = match code {
            b'q' | b'h' => u32::from(u8::from_le_bytes(self.bytes()?)),
            _ => u32::from_le_bytes(self.bytes()?),
        };
        if matches!(code, b'q' | b'r') {
            let top = *self.stack.last().ok_or("a pickle in it remembers nothing")?;
            self.memo.insert(name, top);
        } else {
            let value = self.memo.get(&name).ok_or("a pickle in it recalls what it never had")?;
            self.stack.push(*value);
        }
        Ok(())
    }

    fn global(&mut self) -> Result<(), Problem> {
        let (module, name) = (self.line()?, self.line()?);
        let other = |width| Global::Storage(Kind::Other(width));
        let global = match (module, name) {
            ("collections", "OrderedDict") => Global::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Global::Tensor,
            ("torch._utils", "_rebuild_parameter") => Global::Parameter,
            ("torch", "FloatStorage") => Global::Storage(Kind::Single),
            ("torch", "DoubleStorage" | "LongStorage") => other(8),
            ("torch", "IntStorage") => other(4),
            ("torch", "HalfStorage" | "BFloat16Storage" | "ShortStorage") => other(2),
            ("torch", "ByteStorage" | "CharStorage" | "BoolStorage") => other(1),
            _ => {
                return Err(format!(
                    "a pickle in it names {module}.{name}, which is not run: save its tensors alone"
                ));
            }
        };
        self.stack.push(Value::Global(global));
        Ok(())
    }

    fn call(&mut self) -> Result<(), Problem> {
        let (arguments, global) = (self.pop()?, self.pop()?);
        let arguments = self.elements(arguments).to_vec();
        let made = match (global, arguments.as_slice()) {
            (Value::Global(Global::OrderedDict), []) => {
                self.nodes.push(Vec::new());
                Value::Dict(self.nodes.len() - 1)
            }
            (Value::Global(Global::Parameter), [tensor @ Value::Tensor(_), ..]) => *tensor,
            (Value::Global(Global::Tensor), [storage, offset, shape, strides, ..]) => {
                let tensor = self.tensor([*storage, *offset, *shape, *strides])?;
                self.tensors.push(tensor);
                Value::Tensor(self.tensors.len() - 1)
            }
            _ => return Err("a pickle in it calls something in a way that no file of tensors needs".into()),
        };
        self.stack.push(made);
        Ok(())
    }

    fn tensor(&self, [storage, offset, shape, strides]: [Value<'a>; 4]) -> Result<Tensor, Problem> {
        let broken = || "a tensor in it has no sizes that can be".to_owned();
        let Value::Storage(at) = storage else { return Err("a tensor in it has no storage".into()) };
        let length = self.storages.get(at).map_or(0, |storage| storage.length);
        let (shape, strides) = (self.integers(shape)?, self.integers(strides)?);
        let start = integer(offset).and_then(|offset| usize::try_from(offset).ok()).ok_or_else(broken)?;
        if shape.len() != strides.len() {
            return Err(broken());
        }
        let mut count: usize = 1;
        for (&size, &stride) in shape.iter().zip(&strides).rev() {
            // The stride of an axis of one element says nothing.
            if size != 1 && usize::try_from(stride) != Ok(count) {
                return Err("a tensor in it is not stored row by row: save it after `.contiguous()`".into());
            }
            count = usize::try_from(size).ok().and_then(|size| count.checked_mul(size)).ok_or_else(broken)?;
        }
        let end = start.checked_add(count).filter(|&end| end <= length).ok_or_else(broken)?;
        let shape =
            shape.iter().map(|&size| i32::try_from(size).map_err(|_| broken())).collect::<Result<_, _>>()?;
        Ok(Tensor { storage: at, elements: start..end, shape })
    }

    /// The storage that an identity on the stack names.
    fn storage(&mut self) -> Result<(), Problem> {
        let identity = self.pop()?;
        let (key, kind, length) = match self.elements(identity) {
            // A view of another storage would be described behind it; archives have no place for one.
            [
                Value::Text("storage"),
                Value::Global(Global::Storage(kind)),
                Value::Text(key),
                _,
                length,
                Value::None,
            ]
            | [Value::Text("storage"), Value::Global(Global::Storage(kind)), Value::Text(key), _, length] => {
                (*key, *kind, integer(*length).and_then(|length| usize::try_from(length).ok()))
            }
            _ => return Err("a pickle in it refers to something that is no storage of its own".into()),
        };
        let length = length.ok_or("a storage in it has no length that can be")?;
        let storage = Storage { key, kind, length };
        let at = self.storages.iter().position(|known| known.key == key);
        match at.and_then(|at| self.storages.get(at)) {
            Some(known) if *known != storage => {
                return Err(format!("the storage {key} in it is described in two ways"));
            }
            Some(_) => {}
            None => self.storages.push(storage),
        }
        self.stack.push(Value::Storage(at.unwrap_or(self.storages.len() - 1)));
        Ok(())
    }

    /// Adds to the list or dictionary on the stack.
    fn put(&mut self, code: u8) -> Result<(), Problem> {
        let new = match code {
            b'a' => self.last(1)?,
            b's' => self.last(2)?,
            _ => self.marked()?,
        };
        let node = match (self.stack.last(), code) {
            (Some(&Value::List(at)), b'a' | b'e') => self.nodes.get_mut(at),
            (Some(&Value::Dict(at)), b's' | b'u') => self.nodes.get_mut(at),
            _ => None,
        };
        node.ok_or("a pickle in it adds to what is no container")?.extend(new);
        Ok(())
    }

    fn integers(&self, value: Value<'a>) -> Result<Vec<i64>, Problem> {
        let integers = self.elements(value).iter().map(|&value| integer(value));
        integers.collect::<Option<_>>().ok_or_else(|| "a tensor in it has a size that is no number".into())
    }

    fn pop(&mut self) -> Result<Value<'a>, Problem> {
        self.stack.pop().ok_or_else(|| "a pickle in it takes more than it has".into())
    }

    /// The last values on the stack, in order.
    fn last(&mut self, count: usize) -> Result<Vec<Value<'a>>, Problem> {
        let at = self.stack.len().checked_sub(count).ok_or("a pickle in it takes more than it has")?;
        Ok(self.stack.split_off(at))
    }

    /// The values above the last mark.
    fn marked(&mut self) -> Result<Vec<Value<'a>>, Problem> {
        let at = self.marks.pop().filter(|&at| at <= self.stack.len());
        Ok(self.stack.split_off(at.ok_or("a pickle in it has no mark")?))
    }

    fn line(&mut self) -> Result<&'a str, Problem> {
        let end =
            self.rest.iter().take(100).position(|&byte| byte == b'\n').ok_or("a name in it does not end")?;
        let line = self.take(end + 1)?;
        std::str::from_utf8(line).map(str::trim_end).map_err(|_| "a name in it is not UTF-8".into())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(CUT)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Problem> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(CUT)?;
        self.rest = rest;
        Ok(taken)
    }
}

const CUT: &str = "it ends within a pickle: fetch it again";

pub(super) fn integer(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Int(integer) => Some(integer),
        _ => None,
    }
}
