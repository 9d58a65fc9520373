//! English as it is read aloud.

use mlx_audio::phonemes::{Language, Phonemizer};

fn reader(language: Language) -> Phonemizer {
    Phonemizer::new(language).unwrap()
}

#[test]
fn american_english_is_read_with_numbers_and_abbreviations() {
    let american = reader(Language::AMERICAN_ENGLISH);
    for (text, phonemes) in [
        ("Hello world, this is a test.", "həlˈO wˈɜɹld, ðɪs ɪz ɐ tˈɛst."),
        ("They record a record.", "ðˌA ɹəkˈɔɹd ɐ ɹˈɛkəɹd."),
        ("[Kokoro](/kˈOkəɹO/) speaks.", "kˈOkəɹO spˈiks."),
    ] {
        assert_eq!(american.phonemes(text).unwrap(), phonemes);
    }
    // What is written short is read as what it stands for.
    for (short, long) in [
        ("It costs $3.50.", "It costs three dollars and fifty cents."),
        ("In 1999", "In nineteen ninety nine"),
        ("Dr. Smith", "Doctor Smith"),
        ("on the 21st, 10-20", "on the twenty first, ten to twenty"),
        ("May 5, at 3:05 pm", "May fifth, at three oh five P.M"),
        ("COVID-19 and 5 km", "COVID nineteen and five kilometers"),
        ("$5 million", "five million dollars"),
    ] {
        let [short, long] =
            [short, long].map(|text| american.phonemes(text).unwrap().replace(['ˈ', 'ˌ'], ""));
        assert_eq!(short, long);
    }
}

#[test]
fn a_number_is_one_token_as_it_is_written() {
    let american = reader(Language::AMERICAN_ENGLISH);
    let tokens = american.tokens("The 21st, or $1.5 million (1/2).").unwrap();
    let words: Vec<_> = tokens.iter().map(|token| token.text.as_str()).collect();
    assert_eq!(words, ["The", "21st", ",", "or", "$1.5", "million", "(", "1/2", ").",]);
    assert_eq!(tokens[1].phonemes, "twˈɛnti fˈɜɹst");
    // A hyphen behind a word that is in no dictionary is no minus.
    let said = |text| american.phonemes(text).unwrap();
    assert!(!said("qzx-19").contains("mˈInəs") && said("-19").contains("mˈInəs"));
    assert!(said("qzx-19").starts_with(&said("qzx")));
}

#[test]
fn no_word_is_left_out() {
    let american = reader(Language::AMERICAN_ENGLISH);
    let text = "The blorptastic Zindle of Déjàvuton; x, qzxwv & pre-blorp: naïve façade \"blorp's\" 3D!";
    let tokens = american.tokens(text).unwrap();
    for token in &tokens {
        let is_word = token.text.chars().any(char::is_alphanumeric);
        assert!(!is_word || token.phonemes.chars().any(char::is_alphabetic), "{token:?}");
    }
    let written: String = tokens.iter().map(|token| token.text.as_str()).collect();
    assert_eq!(written, text.split_whitespace().collect::<String>());
    let error = american.phonemes("I like 漢字 very much").unwrap_err().to_string();
    assert!(error.starts_with("text is 漢字: ") && error.contains("Latin letters"), "{error}");
}

#[test]
fn odd_texts_are_read_or_refused() {
    let american = reader(Language::AMERICAN_ENGLISH);
    let parts = [
        "'s",
        "’",
        "$",
        "£.",
        "-",
        "--4",
        "1,2,3",
        "0.5.",
        "٣",
        "½",
        "ß",
        "İs",
        "n̈ing",
        "éd",
        "\u{200b}",
        "🎉",
        "a\u{301}",
        "[x](",
        "](/y/)",
        "I'm",
        "1st",
        "²",
        "…",
        "\"",
        "/",
        "iPhone",
        "U.S.A.",
        "ﬁed",
        "ŉs",
        "9999999999999999999999",
    ];
    for first in parts {
        for second in parts {
            for space in ["", " "] {
                // An error is one, a panic would be another.
                let text = format!("{first}{space}{second}");
                if let Err(error) = american.tokens(&text) {
                    assert!(error.to_string().starts_with("text is"), "{error}");
                }
            }
        }
    }
}

#[test]
fn languages_that_nothing_reads_are_refused() {
    let error = Phonemizer::new(Language::parse("ja").unwrap()).err().unwrap().to_string();
    assert_eq!(error, "language is Japanese: nothing here reads it: give phonemes instead of a text");
    for (code, text) in [("es", "Hola, ¿qué tal?"), ("en-gb", "Hello, world")] {
        match Phonemizer::new(Language::parse(code).unwrap()) {
            // Where espeak-ng is installed.
            Ok(reader) => assert!(reader.phonemes(text).unwrap().contains(", ")),
            Err(error) => assert!(error.to_string().contains("espeak-ng, which is not installed"), "{error}"),
        }
    }
}
