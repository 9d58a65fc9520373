//! Texts spoken: by a tiny random Kokoro, and by the real one to the real Whisper.

use std::time::Duration;

use mlx_audio::kokoro::{Kokoro, SpeakOptions};
use mlx_audio::mlx_hub::Source;
use mlx_audio::phonemes::Language;
use mlx_audio::resample;
use mlx_audio::score::normalize;
use mlx_audio::whisper::{TranscribeOptions, Whisper};
use mlx_testkit::assets;
use serde::Deserialize;

use crate::kokoro::{folder, load};
use crate::recordings::golden;

fn real() -> Option<Kokoro> {
    let path = assets::find("kokoro", "kokoro-v1.0.int8.onnx")?;
    Some(Kokoro::load(&Source::path(path.parent().unwrap())).unwrap_or_else(|error| panic!("{error}")))
}

const TEXT: &str = "Hello world, this is a test of speech synthesis.";

#[test]
fn whisper_hears_what_kokoro_says() {
    let (Some(kokoro), Some(whisper)) = (real(), assets::find("whisper-base", "model.bin")) else { return };
    let options = SpeakOptions { language: Some(Language::AMERICAN_ENGLISH), ..SpeakOptions::default() };
    let voice = match assets::find("kokoro-voices", "af_heart.bin") {
        Some(path) => path.display().to_string(),
        None => "jf_alpha".to_owned(),
    };
    let spoken = kokoro.speech(TEXT, &voice, &options).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    let [spoken] = spoken.as_slice() else { panic!("{spoken:?}") };
    println!("{} {:?} {:?}", spoken.phonemes, spoken.audio.duration(), spoken.words);
    let samples = resample(spoken.audio.samples(), Kokoro::RATE, Whisper::RATE).unwrap();
    let whisper = Whisper::load(&Source::path(whisper.parent().unwrap()), None).unwrap();
    // What a Japanese voice says would be written down in Japanese.
    let english = TranscribeOptions {
        language: Some("en".to_owned()),
        word_timestamps: true,
        ..TranscribeOptions::default()
    };
    let heard = whisper.transcribe(&samples, &english).unwrap();
    println!("{}", heard.text);
    assert_eq!(normalize(&heard.text, "en"), normalize(TEXT, "en"));
    let heard: Vec<_> = heard.segments.iter().flat_map(|segment| &segment.words).collect();
    assert_eq!(heard.len(), spoken.words.len());
    // Whisper's first word begins with the silence before it.
    for (said, heard) in spoken.words.iter().zip(heard).skip(1) {
        assert!((said.start - heard.start).abs() < 0.3, "{said:?} {heard:?}");
    }
}

/// Its integers are not quite our floats, so lengths are not quite the same.
#[test]
fn the_real_model_speaks_as_long_as_its_export() {
    #[derive(Deserialize)]
    struct Length {
        phonemes: String,
        samples: usize,
    }
    let Some(kokoro) = real() else { return };
    let lengths: Vec<Length> =
        serde_json::from_str(&std::fs::read_to_string(golden("kokoro/lengths.json")).unwrap()).unwrap();
    let voice = kokoro.voice("jf_alpha").unwrap();
    for Length { phonemes, samples } in lengths {
        let prosody = kokoro.prosody(&phonemes, &voice, 1.0).unwrap();
        let frames: i32 = prosody.durations.iter().sum();
        let ratio = f64::from(frames * 600) / samples as f64;
        println!("{phonemes}: {frames} frames, {ratio:.3} of the export's");
        assert!((0.96..1.04).contains(&ratio), "{phonemes}: {ratio}");
        let voiced: Vec<f32> = prosody.f0.iter().copied().filter(|&height| height > 10.0).collect();
        let mean = voiced.iter().sum::<f32>() / voiced.len() as f32;
        assert!(voiced.len() > prosody.f0.len() / 3 && (150.0..350.0).contains(&mean), "{mean} Hz");
    }
}

#[test]
fn a_text_is_spoken_sentence_by_sentence() {
    let kokoro = load(&folder());
    let options =
        SpeakOptions { language: Some(Language::AMERICAN_ENGLISH), seed: 5, ..SpeakOptions::default() };
    let text = "A bed. Feed a leaf, a lad, a bee, a deaf elf, a flea, a lab, a bell.\n\nDad";
    let spoken: Vec<_> = kokoro.speech(text, "af_one", &options).unwrap().map(Result::unwrap).collect();
    assert!(spoken.len() > 3, "{spoken:?}");
    assert!(spoken.iter().all(|piece| piece.phonemes.chars().count() <= 18));
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    let all: String = spoken.iter().map(|piece| piece.text.as_str()).collect();
    assert_eq!(bare(&all), bare(text));
    assert_eq!((spoken[0].text.as_str(), spoken[spoken.len() - 1].text.as_str()), ("A bed.", "Dad"));
    let mut start = 0.0;
    for piece in &spoken {
        assert!((piece.start - start).abs() < 1e-9);
        start += piece.audio.duration().as_secs_f64();
        assert!(piece.words.iter().all(|word| word.start < word.end && word.start >= piece.start));
    }
    let whole = kokoro.speak(text, "af_one", &options).unwrap();
    assert_eq!(whole.frames(), spoken.iter().map(|piece| piece.audio.frames()).sum::<usize>());
    let paused = SpeakOptions { pause: Duration::from_millis(100), ..options };
    assert_eq!(kokoro.speak(text, "af_one", &paused).unwrap().frames() - whole.frames(), 2 * 2400);
    let error = kokoro.speak(" \n→", "af_one", &paused).unwrap_err().to_string();
    assert_eq!(error, "text is empty: it must have a word that can be spoken");
    assert!(kokoro.speech("a", "af_none", &paused).is_err());
}
