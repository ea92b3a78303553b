//! The built-in descriptions: each compiles, and each of its vectors has the outcome that it states.

use std::path::Path;

use dormouse_webhook::provider::{Provider, Providers};

#[test]
fn every_file_is_compiled_in_under_its_own_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("providers");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let listed: Vec<&str> = Providers::built_in_files()
        .iter()
        .map(|(file, _)| *file)
        .collect();
    assert_eq!(
        files, listed,
        "the files of host/webhook/providers, and the sorted list in src/provider/catalogue.rs"
    );
}

#[test]
fn every_vector_gives_what_it_says() {
    let mut mistakes = Vec::new();
    for (file, text) in Providers::built_in_files() {
        match Provider::compile(file, text) {
            Err(error) => mistakes.push(error.to_string()),
            Ok(provider) => {
                if format!("{}.toml", provider.name()) != *file {
                    mistakes.push(format!("{file} has the name {:?}", provider.name()));
                }
                let failed = provider.run_vectors().into_iter();
                mistakes.extend(failed.map(|(line, why)| format!("{file}, line {line}: {why}")));
            }
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    let known = Providers::default();
    assert_eq!(known.all().count(), Providers::built_in_files().len());
}

/// What the guide says must work when it is typed in.
#[test]
fn the_guides_description_works() {
    let guide = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/how-to/write-a-provider.md"
    );
    let guide = std::fs::read_to_string(guide).unwrap();
    let blocks = guide.split("```toml\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    let text: String = blocks.collect();
    let provider = Provider::compile("acme.toml", &text).unwrap();
    assert_eq!(provider.run_vectors(), []);
    assert_eq!(provider.vectors(), (3, 0));
}
