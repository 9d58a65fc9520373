//! `mlx man` and `mlx completions`.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::program::mlx;

/// The subcommands that the help lists, and those of `codec`.
fn subcommands() -> BTreeSet<String> {
    let listed = |arguments: &[&str], before: &str| -> BTreeSet<String> {
        let help = mlx(arguments).out;
        let commands = help.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
        commands.lines().map(|line| before.to_owned() + line.split_whitespace().next().unwrap()).collect()
    };
    let mut all = listed(&["--help"], "");
    all.extend(listed(&["codec", "--help"], "codec-"));
    all
}

#[test]
fn each_subcommand_has_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man/man1");
    let run = mlx(&["man", "--output", pages.to_str().unwrap()]);
    assert!(run.ok && run.err.is_empty(), "{run:?}");
    let names: BTreeSet<_> = fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected: BTreeSet<_> = subcommands().iter().map(|name| format!("mlx-{name}.1")).collect();
    assert!(expected.len() > 20, "{expected:?}");
    assert_eq!(names, expected.into_iter().chain(["mlx.1".to_owned()]).collect());
    for name in &names {
        let page = fs::read_to_string(pages.join(name)).unwrap();
        for section in [".SH NAME\n", ".SH SYNOPSIS\n", ".SH DESCRIPTION\n", ".SH EXAMPLES\n"] {
            assert!(page.contains(section), "{name} has no {section}");
        }
        let examples = page.split_once(".SH EXAMPLES\n.nf\n").unwrap().1;
        let called = name.trim_end_matches(".1").replacen("mlx-", "mlx ", 1).replace("codec-", "codec ");
        assert!(examples.contains(&called.replace('-', "\\-")), "{name}: {examples}");
    }
    assert!(!pages.join("mlx-help.1").exists());
    let again = mlx(&["man", "--output", pages.to_str().unwrap()]);
    assert!(again.ok && again.out.ends_with(" pages\n"), "{again:?}");
    let run = mlx(&["man", "--output", pages.join("mlx.1").to_str().unwrap()]);
    assert!(!run.ok && run.err.contains("mlx.1"), "{}", run.err);
}

/// What a shell prints for a script, if it is there.
fn shell(name: &str, arguments: &[&str]) -> Option<String> {
    let Ok(output) = Command::new(name).args(arguments).output() else {
        eprintln!("skipped: there is no {name}");
        return None;
    };
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// A file with the completions of a shell.
fn completions(name: &str) -> (tempfile::TempDir, String) {
    let run = mlx(&["completions", name]);
    assert!(run.ok && run.err.is_empty() && run.out.contains("cache-prompt"), "{run:?}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("_mlx");
    fs::write(&path, run.out).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

#[test]
fn bash_completes_subcommands_options_and_values() {
    let (_folder, path) = completions("bash");
    if shell("bash", &["-n", &path]).is_none() {
        return;
    }
    let complete = |words: &str| {
        let script = format!(
            "source '{path}'\n\
             function_of_mlx=$(complete -p mlx | sed -n 's/.*-F \\([^ ]*\\).*/\\1/p')\n\
             COMP_WORDS=({words})\n\
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
             \"$function_of_mlx\" mlx \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let found = shell("bash", &["--norc", "-c", &script]).unwrap();
        found.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete("mlx gen"), ["generate"]);
    assert_eq!(complete("mlx cache"), ["cache-prompt"]);
    assert_eq!(complete("mlx codec round"), ["roundtrip"]);
    assert_eq!(complete("mlx bench --num"), ["--num-trials"]);
    assert_eq!(complete("mlx generate --precision int"), ["int8"]);
    assert_eq!(complete("mlx completions f"), ["fish"]);
}

#[test]
fn other_shells_have_completions_that_they_can_read() {
    for (name, check) in
        [("zsh", Some("-n")), ("fish", Some("--no-execute")), ("powershell", None), ("elvish", None)]
    {
        let (_folder, path) = completions(name);
        if let Some(check) = check {
            shell(name, &[check, &path]);
        }
    }
    let run = mlx(&["completions", "tcsh"]);
    assert!(!run.ok && run.err.contains("bash, elvish, fish, powershell, zsh"), "{}", run.err);
}
