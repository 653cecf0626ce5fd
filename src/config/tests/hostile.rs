//! Files that are not what they should be.

use super::*;

#[test]
fn yaml_traps() {
    let first = |text: &str| problems(text).remove(0);
    assert!(first("").contains("is empty"), "{}", first(""));
    assert!(first("# only a comment\n").contains("is empty"));
    assert!(first("---\n---\n").contains("second document"));
    assert!(
        first("store:\n\tdata_dir: x\n").contains("replace the tab"),
        "{}",
        first("store:\n\tdata_dir: x\n")
    );
    assert!(first("[1, 2]").contains("is a list, expected a mapping"));
    assert_eq!(
        problems(&format!(
            "{SOUND}http: {{listen: 127.0.0.1:1}}\nhttp: {{listen: 127.0.0.1:2}}\n"
        )),
        ["deploy/test.yaml:3:1: http: is there twice: the first is at line 2; keep one of them"]
    );
    assert!(first("sources: !!seq []").contains("has a tag"));
    assert!(first("a: &x [*x]").contains("alias"));
    assert!(first(&("[".repeat(40) + &"]".repeat(40))).contains("nested deeper"));
    assert!(first(&"[".repeat(100_000)).contains("recursion limit"));
    assert!(first(&("- ".repeat(5_000) + "\n")).contains("nested deeper"));
    assert!(first("? [a]\n: b\n").contains("used as a key"));
    let bomb = (1..9).fold(
        "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(),
        |t, i| {
            let row = vec![format!("*a{}", i - 1); 10].join(", ");
            t + &format!("a{i}: &a{i} [{row}]\n")
        },
    );
    assert!(first(&bomb).contains("more than"), "{}", first(&bomb));
    assert!(
        first("sources:\n").contains("sources: has no value, expected a list"),
        "{}",
        first("sources:\n")
    );
}

#[test]
fn scalars_stay_what_they_were_written_as() {
    // Norway, a number, an octal, a date and a truth are names where names are wanted; anchors are understood; a BOM is no text.
    let text = "tenancy:\n  contracts: {NO: no, '007': 1e3, 2026-10-01: 010, y: true}\n  rules: [&r {project_tag: NO}, *r]\n";
    let config = judged(&(SOUND.to_owned() + text)).unwrap();
    let contracts: Vec<(&str, &str)> = config
        .tenancy
        .contracts
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        contracts,
        [
            ("007", "1e3"),
            ("2026-10-01", "010"),
            ("NO", "no"),
            ("y", "true")
        ]
    );
    assert_eq!(
        config.tenancy.rules,
        vec![
            Rule::ProjectTag {
                prefix: "NO".to_owned()
            };
            2
        ]
    );
}

#[test]
fn files_that_are_not_text() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.yaml");
    let first = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        load(Some(&file), &Overrides::default())
            .unwrap_err()
            .remove(0)
            .to_string()
            .replace(dir.path().to_str().unwrap(), "")
    };
    assert_eq!(
        first(b"a: b\nc: \xff\n"),
        "/c.yaml:2:4: is not UTF-8; save the file as UTF-8"
    );
    assert!(first(&vec![b'#'; 10_000_000]).contains("larger than 4 MiB"));
    assert!(
        first("\u{feff}surprise: {}\n".as_bytes())
            .contains("/c.yaml:1:1: surprise: is not a key here"),
        "a byte order mark is no text"
    );
    assert!(first(b"\0\0\0\0").contains("/c.yaml:1:"));
    fs::remove_file(&file).unwrap();
    assert!(
        load(Some(&file), &Overrides::default()).unwrap_err()[0]
            .to_string()
            .contains("cannot be read")
    );
    assert!(
        load(None, &Overrides::default()).unwrap_err()[0]
            .hint
            .contains("quickstart.yaml")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    /// Whatever a file has become, it is accepted or there are errors; never a panic, and no secret is shown.
    #[test]
    fn mutated_files_never_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<u8>(), 0..40_usize), 1..6),
        which in 0..3_usize,
    ) {
        let file = [SAMPLE, "deploy/quickstart.yaml", "deploy/prices/nordic-2026.yaml"][which];
        let mut bytes = fs::read(file).unwrap();
        for (at, how, byte, len) in edits {
            let at = at.index(bytes.len());
            let end = (at + len).min(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, b"\t\n {}[]&*!|>'\"%@`:-?,#<~"[usize::from(byte) % 24]),
                2 => drop(bytes.drain(at..end)),
                _ => {
                    let copy = bytes[at..end].to_vec();
                    bytes.splice(at..at, copy);
                }
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        if which == 2 {
            let (book, problems) = book::judge_text(FilePath::new(file), &text, None);
            prop_assert_eq!(book.is_none(), problems.iter().any(Problem::is_error));
        } else {
            match judge(FilePath::new(file), &text, &Overrides::default(), &env) {
                Ok(config) => prop_assert!(!config.warnings.iter().any(Problem::is_error)),
                Err(problems) => {
                    prop_assert!(problems.iter().any(Problem::is_error));
                    prop_assert!(!problems.iter().any(|p| p.to_string().contains("hunter2")));
                    prop_assert!(!problems.iter().any(|p| p.what.contains("is not understood")), "{problems:?}");
                }
            }
        }
    }
}

/// What reads a file must not take more than time in proportion to it: with the square of it, this test would not end.
#[test]
fn large_files_are_judged() {
    let lines = |n: usize, line: &dyn Fn(usize) -> String| (0..n).map(line).collect::<String>();
    let files = [
        ("keys", lines(90_000, &|i| format!("k{i}: 1\n"))),
        (
            "contracts",
            format!(
                "{SOUND}tenancy:\n  contracts:\n{}",
                lines(90_000, &|i| format!("    c{i}: t\n"))
            ),
        ),
        (
            "flow",
            format!("a: {{{}}}", lines(90_000, &|i| format!("k{i}: 1, "))),
        ),
        (
            "list",
            format!(
                "{SOUND}tenancy:\n  rules:\n    - list:\n{}",
                lines(20_000, &|i| format!(
                    "      - {{scope: s{i}, tenant: t, contract: c}}\n"
                ))
            ),
        ),
        ("scalar", format!("a: {}", "x ".repeat(1_000_000))),
        ("quoted", format!("a: \"{}", "\\n".repeat(1_000_000))),
        ("dashes", "- ".repeat(1_000_000)),
        ("anchors", lines(100_000, &|i| format!("- &a{i} x\n"))),
        ("comment", "# \n".repeat(1_000_000)),
    ];
    for (what, text) in files {
        let sound = matches!(what, "contracts" | "list");
        assert_eq!(judged(&text).is_ok(), sound, "{what}");
    }
}
