"""Sound into words, and words into sound."""

import io
import re
import struct

import openai

from checks import CHAT, HEAR, SPEAK, check, refused, together

FOX = "the quick brown fox jumps over the lazy dog"
ENGLISH = {"language": "en-us"}


def recording(house, name="en_quick_brown_fox"):
    return (house.assets / f"speech/{name}.wav").open("rb")


def hear(house, name="en_quick_brown_fox", **more):
    with recording(house, name) as file:
        return house.openai.audio.transcriptions.create(model=HEAR, file=file, **more)


def speak(house, text="Hello world.", **more):
    fields = {"model": SPEAK, "voice": "jf_alpha", "response_format": "wav", "extra_body": ENGLISH, **more}
    return house.openai.audio.speech.create(input=text, **fields).content


def words(text):
    return re.sub("[^a-z ]", "", text.lower().replace("-", " ")).split()


def seconds(text):
    hours, minutes, rest = text.replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


@check
def the_words_of_a_recording_are_heard(house):
    assert words(hear(house).text) == FOX.split()
    assert words(hear(house, "en_hello_world").text) == ["hello", "world"]


@check
def a_transcript_may_be_plain_text(house):
    text = hear(house, response_format="text")
    assert isinstance(text, str) and words(text) == FOX.split()


@check
def subtitles_have_times(house):
    time = r"(\d\d:\d\d:\d\d[,.]\d{3})"
    srt = hear(house, response_format="srt")
    [(start, end, text)] = re.findall(rf"1\n{time} --> {time}\n((?:.+\n)+)", srt)
    assert "," in start and words(text.replace("\n", " ")) == FOX.split() and 0 <= seconds(start) < seconds(end) <= 5
    vtt = hear(house, response_format="vtt")
    assert vtt.startswith("WEBVTT\n") and "-->" in vtt and words(" ".join(vtt.splitlines()[3:])) == FOX.split(), vtt


@check
def a_verbose_transcript_has_segments(house):
    answer = hear(house, response_format="verbose_json")
    assert words(answer.text) == FOX.split() and answer.language in ("en", "english")
    assert 2.5 < float(answer.duration) < 3.5 and words("".join(one.text for one in answer.segments)) == FOX.split()
    assert all(one.start < one.end for one in answer.segments) and answer.words is None


@check
def words_have_times_in_their_order(house):
    answer = hear(house, response_format="verbose_json", timestamp_granularities=["word"])
    assert [words(one.word)[0] for one in answer.words] == FOX.split()
    times = [time for one in answer.words for time in (one.start, one.end)]
    assert times == sorted(times) and times[-1] <= float(answer.duration) + 0.1, times


@check
def options_of_hearing_are_taken(house):
    answer = hear(house, language="en", prompt="A sentence with all letters.", temperature=0.0)
    assert words(answer.text) == FOX.split()


@check
def several_recordings_are_heard_at_once(house):
    heard = together(lambda: hear(house).text, lambda: hear(house, "en_hello_world").text, lambda: house.text())
    assert words(heard[0]) == FOX.split() and words(heard[1]) == ["hello", "world"] and "Paris" in heard[2]


@check
def what_cannot_be_heard_is_refused(house):
    def of(file, **more):
        fields = {"model": HEAR, "file": ("a.wav", io.BytesIO(file)), **more}
        return lambda: house.openai.audio.transcriptions.create(**fields)

    sound = recording(house).read()
    for file in (b"", b"no sound at all", sound[:30]):
        assert refused(openai.BadRequestError, of(file)).param == "file", file
    assert refused(openai.BadRequestError, of(sound, response_format="docx")).param == "response_format"
    assert refused(openai.BadRequestError, of(sound, model=CHAT)).param == "model"
    refused(openai.NotFoundError, of(sound, model="other"))
    boundary = {"content-type": "multipart/form-data; boundary=x"}
    body = b'--x\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper\r\n--x--\r\n'
    status, _, answer = house.ask("POST", "/v1/audio/transcriptions", body, boundary)
    assert status == 400 and b"there is no file" in answer
    status, _, answer = house.ask("POST", "/v1/audio/transcriptions", body[:40], boundary)
    assert status == 400 and b"error" in answer
    status, _, answer = house.ask("POST", "/v1/audio/transcriptions", {"model": HEAR})
    assert status in (400, 415) and answer.startswith(b'{"error"'), answer


@check
def what_is_spoken_is_a_sound_file(house):
    sound = speak(house)
    assert sound[:4] == b"RIFF" and sound[8:16] == b"WAVEfmt "
    kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", sound[20:36])
    assert (kind, channels, rate, bits) == (1, 1, 24000, 16)
    assert 0.5 < (len(sound) - 44) / 48000 < 4
    samples = struct.unpack(f"<{(len(sound) - 44) // 2}h", sound[44:])
    assert max(samples) > 3000 and min(samples) < -3000


@check
def raw_samples_come_while_they_are_spoken(house):
    whole = speak(house, "Hello.")
    fields = {"model": SPEAK, "voice": "jf_alpha", "response_format": "pcm", "extra_body": ENGLISH}
    with house.openai.audio.speech.with_streaming_response.create(input="Hello.", **fields) as answer:
        assert answer.headers["content-type"] == "audio/pcm"
        assert b"".join(answer.iter_bytes()) == whole[44:]


@check
def fast_speech_is_shorter(house):
    assert len(speak(house, "Hello.", speed=1.8)) < 0.8 * len(speak(house, "Hello."))


@check
def what_is_spoken_is_heard_again(house):
    text = "The weather is very nice today."
    file = ("speech.wav", io.BytesIO(speak(house, text)))
    heard = house.openai.audio.transcriptions.create(model=HEAR, file=file).text
    assert words(heard) == words(text), heard


@check
def what_cannot_be_spoken_is_refused(house):
    for fields, param in [
        ({"voice": "nobody"}, None),
        ({"voice": "../../voices_ja"}, None),
        ({"response_format": "mp3"}, "response_format"),
        ({"speed": 9}, None),
        ({"text": ""}, None),
        ({"text": "..."}, None),
        ({"extra_body": {"language": "elvish"}}, "language"),
        ({"extra_body": {}}, None),
        ({"model": HEAR}, "model"),
    ]:
        error = refused(openai.BadRequestError, lambda: speak(house, **fields))
        assert error.message and (param is None or error.param == param), (fields, error.message)
