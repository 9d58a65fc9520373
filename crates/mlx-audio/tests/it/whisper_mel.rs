//! Whisper's front end is openai-whisper's.

use mlx_audio::dsp::WhisperMel;

use crate::sounds::{assert_near, golden, noise};

#[test]
fn frames_are_those_of_openai_whisper() {
    let golden = golden("whisper");
    for mels in [80, 128] {
        let front = WhisperMel::new(mels).unwrap();
        let name = format!("whisper.{mels}");
        let frames = front.frames(&golden.f32("sound"));
        assert_eq!(golden.shape(&name), [60, mels]);
        assert_near(&frames, &golden.f32(&name), 1e-4);
    }
}

#[test]
fn pieces_make_the_frames_of_the_whole() {
    let front = WhisperMel::new(80).unwrap();
    for length in [0, 1, 2, 159, 160, 199, 200, 201, 202, 399, 400, 401, 560, 3001] {
        let sound = noise(length, 3);
        for piece in [1, 7, 160, 201, 4000] {
            let (mut stream, mut frames) = (front.stream(), Vec::new());
            sound.chunks(piece).for_each(|piece| stream.push(piece, &mut frames));
            let loudest = stream.end(&mut frames);
            WhisperMel::finish(&mut frames, loudest);
            assert_eq!(frames, front.frames(&sound), "{length} in pieces of {piece}");
            assert_eq!(frames.len(), front.count(length) * 80);
        }
    }
}

#[test]
fn some_frames_are_those_of_the_whole() {
    let front = WhisperMel::new(80).unwrap();
    let sound = noise(4000, 4);
    let whole = front.logarithms(&sound, 0..25);
    assert_eq!(front.logarithms(&sound, 3..5), whole[240..400]);
    assert_eq!(front.logarithms(&sound, 24..90), whole[24 * 80..]);
    assert!(front.logarithms(&sound, 90..99).is_empty());
}

#[test]
fn silence_and_what_is_no_number_are_silent() {
    let front = WhisperMel::new(80).unwrap();
    assert_eq!(front.frames(&[0.0; 1600]), [-1.5; 800]);
    assert_eq!(front.frames(&[f32::NAN; 1600]), [-1.5; 800]);
    assert!(front.frames(&[]).is_empty());
    assert!(WhisperMel::new(0).is_err());
}
