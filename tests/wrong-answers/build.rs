//! Makes a module of each wrong answer: the solution, with the mistake in it.

#[path = "src/answers.rs"]
mod answers;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use answers::Answer;
use anyhow::{Context, ensure};

fn main() -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut modules = String::new();
    let mut table = String::new();
    println!("cargo::rerun-if-changed=answers");
    for answer in answers::answers_in(&folder.join("answers"))? {
        let name = answer.full_name();
        let solution = solution(folder, &answer.chapter)?;
        println!("cargo::rerun-if-changed={}", solution.display());
        let text = fs::read_to_string(&solution)
            .with_context(|| format!("cannot read {}", solution.display()))?;
        let text = with_mistake(&answer, text).with_context(|| format!("{name} is none"))?;
        let module = name.replace('-', "_");
        write!(
            modules,
            "#[allow(warnings, clippy::all, clippy::restriction)]\n\
             mod {module} {{\n\
             {text}\n\
             pub fn run() -> anyhow::Result<()> {{ main() }}\n\
             }}\n"
        )?;
        writeln!(table, "    ({name:?}, {module}::run),")?;
    }
    let text = format!(
        "{modules}\ntype Run = fn() -> anyhow::Result<()>;\n\
         const ANSWERS: &[(&str, Run)] = &[\n{table}];\n"
    );
    let target = Path::new(&env::var("OUT_DIR")?).join("answers.rs");
    fs::write(target, text)?;
    Ok(())
}

/// Where the solution of a chapter lies.
fn solution(folder: &Path, chapter: &str) -> anyhow::Result<PathBuf> {
    let begin = format!("{chapter}-");
    let entries = fs::read_dir(folder.join("../../chapters"))?;
    let crates = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with(&begin)
    };
    let mut found = crates.filter(is_it);
    let path = found
        .next()
        .with_context(|| format!("there is no chapter {chapter}"))?;
    Ok(path.join("examples").join(format!("{chapter}-solution.rs")))
}

fn with_mistake(answer: &Answer, mut text: String) -> anyhow::Result<String> {
    ensure!(!answer.mistake.is_empty(), "nothing says what is wrong");
    ensure!(!answer.changes.is_empty(), "nothing is changed");
    for (old, new) in &answer.changes {
        let count = text.matches(old.as_str()).count();
        ensure!(count == 1, "the solution has {count} times:\n{old}");
        text = text.replacen(old, new, 1);
    }
    Ok(text)
}
