//! Values and calls as Python writes them: what `ast.literal_eval` makes of a text, where JSON can hold it.

use serde_json::{Map, Number, Value};

/// Deeper values than this are no arguments of a call.
const MAX_DEPTH: usize = 64;

/// The value of a Python literal; `None` if it is none, or has no JSON form.
pub(super) fn literal(text: &str) -> Option<Value> {
    let mut reader = Reader::new(text.trim_start_matches([' ', '\t']), false);
    let value = reader.items_or_value()?;
    reader.at_end().then_some(value)
}

/// The calls of a list such as `[f(x=1), a.g(y="b")]`: their names and arguments.
///
/// `true`, `false` and `null` are values too.
pub(super) fn calls(text: &str) -> Option<Vec<(String, Map<String, Value>)>> {
    let mut reader = Reader::new(text, true);
    let mut calls = Vec::new();
    reader.expect('[')?;
    while !reader.eat(']') {
        calls.push(reader.call()?);
        if !reader.eat(',') {
            reader.expect(']')?;
            break;
        }
    }
    reader.at_end().then_some(calls)
}

/// One call, such as `a.g(y="b")`.
pub(super) fn call(text: &str) -> Option<(String, Map<String, Value>)> {
    let mut reader = Reader::new(text, true);
    let call = reader.call()?;
    reader.at_end().then_some(call)
}

struct Reader<'t> {
    rest: &'t str,
    depth: usize,
    json_words: bool,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, json_words: bool) -> Self {
        Self { rest: text, depth: 0, json_words }
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = self.rest.strip_prefix(wanted).unwrap_or_default();
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Option<()> {
        self.eat(wanted).then_some(())
    }

    fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Takes the characters that `wanted` holds for.
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let length = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn name(&mut self) -> Option<&'t str> {
        let first = self.peek()?;
        let begins = first.is_alphabetic() || first == '_';
        begins.then(|| self.take_while(|c| c.is_alphanumeric() || c == '_'))
    }

    fn call(&mut self) -> Option<(String, Map<String, Value>)> {
        let mut function = self.name()?.to_owned();
        while self.eat('.') {
            function = format!("{function}.{}", self.name()?);
        }
        let mut arguments = Map::new();
        self.expect('(')?;
        while !self.eat(')') {
            let key = self.name()?.to_owned();
            self.expect('=')?;
            let value = self.value()?;
            if arguments.insert(key, value).is_some() {
                return None;
            }
            if !self.eat(',') {
                self.expect(')')?;
                break;
            }
        }
        Some((function, arguments))
    }

    /// A value, or several with commas between them, which are a tuple.
    fn items_or_value(&mut self) -> Option<Value> {
        let first = self.value()?;
        if self.peek() != Some(',') {
            return Some(first);
        }
        let mut items = vec![first];
        while self.eat(',') && !self.at_end() {
            items.push(self.value()?);
        }
        Some(Value::Array(items))
    }

    fn value(&mut self) -> Option<Value> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let value = match self.peek()? {
            '[' => self.list(),
            '(' => self.parenthesis(),
            '{' => self.dict(),
            '"' | '\'' => self.strings(),
            '+' | '-' => self.signed(),
            '0'..='9' | '.' => self.number(false),
            _ => self.word(),
        };
        self.depth -= 1;
        value
    }

    fn list(&mut self) -> Option<Value> {
        self.expect('[')?;
        let (items, _) = self.items(']')?;
        Some(Value::Array(items))
    }

    /// A tuple, or a value in parentheses.
    fn parenthesis(&mut self) -> Option<Value> {
        self.expect('(')?;
        let (mut items, comma) = self.items(')')?;
        match items.len() {
            1 if !comma => items.pop(),
            _ => Some(Value::Array(items)),
        }
    }

    /// Items up to the closing bracket, and whether a comma came last.
    fn items(&mut self, close: char) -> Option<(Vec<Value>, bool)> {
        let (mut items, mut comma) = (Vec::new(), false);
        while !self.eat(close) {
            items.push(self.value()?);
            comma = self.eat(',');
            if !comma {
                self.expect(close)?;
                break;
            }
        }
        Some((items, comma))
    }

    fn dict(&mut self) -> Option<Value> {
        self.expect('{')?;
        let mut map = Map::new();
        while !self.eat('}') {
            let key = key(self.value()?)?;
            self.expect(':')?;
            map.insert(key, self.value()?);
            if !self.eat(',') {
                self.expect('}')?;
                break;
            }
        }
        Some(Value::Object(map))
    }

    fn word(&mut self) -> Option<Value> {
        let rest = self.rest;
        let word = self.name()?;
        if self.rest.starts_with(['"', '\'']) {
            self.rest = rest;
            return self.strings();
        }
        match word {
            "True" => Some(Value::Bool(true)),
            "False" => Some(Value::Bool(false)),
            "None" => Some(Value::Null),
            "true" if self.json_words => Some(Value::Bool(true)),
            "false" if self.json_words => Some(Value::Bool(false)),
            "null" if self.json_words => Some(Value::Null),
            _ => None,
        }
    }

    fn signed(&mut self) -> Option<Value> {
        let negative = self.eat('-');
        if !negative {
            self.expect('+')?;
        }
        let digit = self.peek()?;
        (digit.is_ascii_digit() || digit == '.').then_some(())?;
        self.number(negative)
    }

    fn number(&mut self, negative: bool) -> Option<Value> {
        let mut text = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_')).to_owned();
        let radix = ["0x", "0o", "0b"].iter().position(|prefix| text.to_lowercase().starts_with(prefix));
        if radix.is_none() && text.ends_with(['e', 'E']) && self.rest.starts_with(['+', '-']) {
            text.push_str(self.rest.get(..1)?);
            self.rest = self.rest.get(1..)?;
            text.push_str(self.take_while(|c| c.is_ascii_digit() || c == '_'));
        }
        if text.starts_with('_') || text.ends_with('_') || text.contains("__") {
            return None;
        }
        let digits = text.replace('_', "");
        let radix = radix.and_then(|place| [16, 8, 2].get(place).copied());
        let whole = match radix {
            Some(radix) => Some(i128::from_str_radix(digits.get(2..)?, radix).ok()?),
            None if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                if digits.starts_with('0') && digits.bytes().any(|byte| byte != b'0') {
                    return None;
                }
                digits.parse::<i128>().ok()
            }
            None => None,
        };
        let sign = if negative { -1 } else { 1 };
        match whole.map(|whole| whole * sign) {
            Some(whole) => {
                Number::from_i128(whole).or_else(|| Number::from_f64(whole as f64)).map(Value::Number)
            }
            None => Number::from_f64(digits.parse::<f64>().ok()? * f64::from(sign as i8)).map(Value::Number),
        }
    }

    /// One string, or several in a row, which are one.
    fn strings(&mut self) -> Option<Value> {
        let mut text = self.string()?;
        while matches!(self.peek(), Some('"' | '\'')) {
            text.push_str(&self.string()?);
        }
        Some(Value::String(text))
    }

    fn string(&mut self) -> Option<String> {
        let prefix = self.take_while(char::is_alphabetic);
        let raw = match prefix {
            "" | "u" | "U" => false,
            "r" | "R" => true,
            _ => return None,
        };
        let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| self.rest.starts_with(quote))?;
        self.rest = self.rest.strip_prefix(quote)?;
        let mut text = String::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix(quote) {
                self.rest = rest;
                return Some(text);
            }
            let character = self.take_char()?;
            match character {
                '\n' if quote.len() == 1 => return None,
                '\\' if raw => text.extend(['\\', self.take_char()?]),
                '\\' => self.escape(&mut text)?,
                _ => text.push(character),
            }
        }
    }

    fn take_char(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let character = characters.next()?;
        self.rest = characters.as_str();
        Some(character)
    }

    fn escape(&mut self, text: &mut String) -> Option<()> {
        let character = self.take_char()?;
        let meant = match character {
            '\n' => return Some(()),
            '\\' | '\'' | '"' => character,
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{C}',
            'v' => '\u{B}',
            '0'..='7' => self.octal(character)?,
            'x' => self.hex(2)?,
            'u' => self.hex(4)?,
            'U' => self.hex(8)?,
            'N' => return None,
            _ => {
                text.push('\\');
                character
            }
        };
        text.push(meant);
        Some(())
    }

    fn hex(&mut self, digits: usize) -> Option<char> {
        let code = self.rest.get(..digits)?;
        self.rest = self.rest.get(digits..)?;
        char::from_u32(u32::from_str_radix(code, 16).ok()?)
    }

    fn octal(&mut self, first: char) -> Option<char> {
        let mut code = first.to_digit(8)?;
        for _ in 0..2 {
            let Some(digit) = self.rest.chars().next().and_then(|c| c.to_digit(8)) else { break };
            code = code * 8 + digit;
            self.take_char()?;
        }
        char::from_u32(code)
    }
}

/// A key as `json.dumps` writes it.
fn key(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
