//! English words that no dictionary has, read letter by letter.
//!
//! The commonest sounds of groups of letters, the longest first; a word without vowels is spelled.

/// What groups of letters sound like wherever they stand.
const GROUPS: [(&str, &str); 58] = [
    ("tion", "ʃən"),
    ("sion", "ʒən"),
    ("eigh", "A"),
    ("augh", "ɔ"),
    ("ough", "O"),
    ("igh", "I"),
    ("tch", "ʧ"),
    ("sch", "sk"),
    ("dge", "ʤ"),
    ("air", "ɛɹ"),
    ("eer", "ɪɹ"),
    ("ck", "k"),
    ("ch", "ʧ"),
    ("sh", "ʃ"),
    ("th", "θ"),
    ("ph", "f"),
    ("gh", "ɡ"),
    ("wh", "w"),
    ("qu", "kw"),
    ("ng", "ŋ"),
    ("ee", "i"),
    ("ea", "i"),
    ("oo", "u"),
    ("ou", "W"),
    ("ow", "O"),
    ("oi", "Y"),
    ("oy", "Y"),
    ("ai", "A"),
    ("ay", "A"),
    ("ei", "A"),
    ("ey", "i"),
    ("ie", "i"),
    ("oa", "O"),
    ("au", "ɔ"),
    ("aw", "ɔ"),
    ("eu", "ju"),
    ("ew", "ju"),
    ("ar", "ɑɹ"),
    ("er", "əɹ"),
    ("ir", "ɜɹ"),
    ("or", "ɔɹ"),
    ("ur", "ɜɹ"),
    ("b", "b"),
    ("d", "d"),
    ("f", "f"),
    ("h", "h"),
    ("j", "ʤ"),
    ("k", "k"),
    ("l", "l"),
    ("m", "m"),
    ("n", "n"),
    ("p", "p"),
    ("q", "k"),
    ("r", "ɹ"),
    ("s", "s"),
    ("t", "t"),
    ("v", "v"),
    ("w", "w"),
];

/// The names of the letters from `a` to `z`.
const NAMES: [&str; 26] = [
    "ˈA",
    "bˈi",
    "sˈi",
    "dˈi",
    "ˈi",
    "ˈɛf",
    "ʤˈi",
    "ˈAʧ",
    "ˈI",
    "ʤˈA",
    "kˈA",
    "ˈɛl",
    "ˈɛm",
    "ˈɛn",
    "ˈO",
    "pˈi",
    "kjˈu",
    "ˈɑɹ",
    "ˈɛs",
    "tˈi",
    "jˈu",
    "vˈi",
    "dˈʌbᵊlju",
    "ˈɛks",
    "wˈI",
    "zˈi",
];

/// Letters with marks, and those that are read in their place.
const MARKED: [(&str, &str); 15] = [
    ("àáâãäåāăą", "a"),
    ("çćč", "c"),
    ("ďđ", "d"),
    ("èéêëēėęě", "e"),
    ("ğ", "g"),
    ("ìíîïīı", "i"),
    ("ł", "l"),
    ("ñńň", "n"),
    ("òóôõöøō", "o"),
    ("ř", "r"),
    ("śşš", "s"),
    ("ùúûüūů", "u"),
    ("ýÿ", "y"),
    ("źżž", "z"),
    ("ťţ", "t"),
];

/// The vowels among the phonemes.
const VOWELS: &str = "AIOQWYiuæɑɒɔəɛɜɪʊʌ";

/// The phonemes of a word, or none if it has letters that are not Latin.
pub(super) fn read(word: &str) -> Option<String> {
    let mut letters = String::new();
    for letter in word.to_lowercase().chars() {
        match letter {
            'a'..='z' => letters.push(letter),
            'æ' => letters.push_str("ae"),
            'œ' => letters.push_str("oe"),
            'ß' => letters.push_str("ss"),
            'ð' | 'þ' => letters.push_str("th"),
            _ if !letter.is_alphabetic() => {}
            _ => letters.push_str(MARKED.iter().find(|(marked, _)| marked.contains(letter))?.1),
        }
    }
    let sounds = sounds(letters.as_bytes());
    let phonemes = match sounds.find(|sound| VOWELS.contains(sound)) {
        Some(vowel) => {
            let (before, from) = sounds.split_at(vowel);
            format!("{before}ˈ{from}")
        }
        None => letters.bytes().filter_map(|letter| NAMES.get(usize::from(letter - b'a')).copied()).collect(),
    };
    Some(phonemes)
}

/// What the letters, which are all from `a` to `z`, sound like; consonants alone where there is no vowel.
fn sounds(letters: &[u8]) -> String {
    let mut sounds = String::new();
    let mut at = 0;
    while let Some(rest) = letters.get(at..).filter(|rest| !rest.is_empty()) {
        let (sound, taken) = sound(at, rest);
        sounds.push_str(sound);
        at += taken;
    }
    sounds
}

/// The sound of what `rest` begins with, and how many letters it takes.
fn sound(at: usize, rest: &[u8]) -> (&'static str, usize) {
    let (first, second) =
        (rest.first().copied().unwrap_or_default(), rest.get(1).copied().unwrap_or_default());
    let is_vowel = |letter: u8| b"aeiouy".contains(&letter);
    if at == 0 {
        match rest {
            [b'k' | b'g', b'n', ..] => return ("n", 2),
            [b'w', b'r', ..] => return ("ɹ", 2),
            [b'p', b's', ..] => return ("s", 2),
            [b'x', ..] => return ("z", 1),
            [b'y', next, ..] if is_vowel(*next) => return ("j", 1),
            _ => {}
        }
    }
    // The same consonant twice is heard once.
    if first == second && !is_vowel(first) {
        return sound(at + 1, rest.get(1..).unwrap_or_default()).then_one_more();
    }
    if let Some((group, sound)) = GROUPS.iter().find(|(group, _)| rest.starts_with(group.as_bytes())) {
        return (sound, group.len());
    }
    let softens = b"eiy".contains(&second);
    let long = matches!(rest, [_, consonant, b'e'] if !is_vowel(*consonant));
    let sound = match first {
        b'c' if softens => "s",
        b'c' => "k",
        b'g' if softens => "ʤ",
        b'g' => "ɡ",
        b'x' => "ks",
        b'z' => "z",
        b'e' if rest.len() == 1 && at > 1 => "",
        b'a' if rest.len() == 1 => "ə",
        b'o' if rest.len() == 1 => "O",
        b'i' | b'y' if rest.len() == 1 => "i",
        vowel => self::vowel(vowel, long),
    };
    (sound, 1)
}

/// The sound of a vowel within a word, which a silent `e` makes long; none of other letters.
fn vowel(letter: u8, long: bool) -> &'static str {
    match (letter, long) {
        (b'a', true) => "A",
        (b'a', false) => "æ",
        (b'e', true) => "i",
        (b'e', false) => "ɛ",
        (b'i' | b'y', true) => "I",
        (b'i' | b'y', false) => "ɪ",
        (b'o', true) => "O",
        (b'o', false) => "ɑ",
        (b'u', true) => "u",
        (b'u', false) => "ʌ",
        _ => "",
    }
}

trait OneMore {
    fn then_one_more(self) -> Self;
}

impl OneMore for (&'static str, usize) {
    fn then_one_more(self) -> Self {
        (self.0, self.1 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_by_their_letters() {
        for (word, phonemes) in [
            ("blorp", "blˈɔɹp"),
            ("Zindle", "zˈɪndl"),
            ("snake", "snˈAk"),
            ("cybex", "sˈɪbɛks"),
            ("knutty", "nˈʌti"),
            ("quenching", "kwˈɛnʧɪŋ"),
            ("Déjàvu", "dˈɛʤævʌ"),
            ("vrst", "vˈiˈɑɹˈɛstˈi"),
        ] {
            assert_eq!(read(word).as_deref(), Some(phonemes), "{word}");
        }
        assert_eq!(read("漢字"), None);
    }
}
