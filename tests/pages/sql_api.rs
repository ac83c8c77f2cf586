//! docs/sql-api.md: tables, views and functions that people and programs call, by room.

use anyhow::{Context, Result};
use std::collections::BTreeMap;

use crate::catalog::{self, Function, Relation};

/// The page.
pub fn page(functions: &[Function], relations: &[Relation]) -> Result<String> {
    let sources = catalog::files("sql", ".sql")?;
    let mut rooms: BTreeMap<String, (Vec<&Relation>, Vec<&Function>)> = BTreeMap::new();
    for relation in relations {
        let kind = if relation.is_view {
            "view"
        } else {
            "table if not exists"
        };
        let (room, _) = home(&sources, &[&format!("{kind} public.{} ", relation.name)])
            .with_context(|| format!("no file of sql/ makes {}", relation.name))?;
        rooms.entry(room).or_default().0.push(relation);
    }
    for function in functions
        .iter()
        .filter(|function| function.schema == "public")
    {
        let (room, _) = home(&sources, &[&format!("function public.{}(", function.name)])
            .with_context(|| format!("no file of sql/ makes {}", function.name))?;
        rooms.entry(room).or_default().1.push(function);
    }
    let mut page = String::from(
        "# What people and programs call\n\n\
         Tables, views and functions of the schema `public`, by room, as the catalog has them. Written by `cargo x docs`.\n\
         Functions are called through PostgREST as `rpc('name', { argument })` or with `select` in psql; what they refuse\n\
         stands in [errors.md](errors.md). `signed in` is the role `authenticated`: agents, owners and admins, each as far\n\
         as their rights go. Rows are filtered by the policies whoever asks.\n",
    );
    for (room, (relations, functions)) in rooms {
        page += &format!("\n## {room}\n");
        for relation in relations {
            page += &relation_part(relation);
        }
        for function in functions {
            let (_, file) = home(&sources, &[&format!("function public.{}(", function.name)])
                .context("found before")?;
            page += &function_part(function, &file);
        }
    }
    Ok(page)
}

/// Room and path of the file that makes something.
fn home(sources: &[(String, String)], texts: &[&str]) -> Option<(String, String)> {
    let (path, _) = sources
        .iter()
        .find(|(_, text)| texts.iter().any(|wanted| text.contains(wanted)))?;
    Some((path.split('/').nth(1)?.to_owned(), path.clone()))
}

fn relation_part(relation: &Relation) -> String {
    let mut part = format!("\n### {}\n{}\n\n", relation.name, relation.says);
    part += "| column | type | | signed in may |\n|---|---|---|---|\n";
    for column in &relation.columns {
        let mut says = column.says.clone().unwrap_or_default();
        if let Some(words) = &column.words {
            let words = words.join(", ");
            says = if says.is_empty() {
                words
            } else {
                format!("{words}. {says}")
            };
        }
        part += &format!(
            "| {} | {}{} | {} | {} |\n",
            column.name,
            column.sql,
            if column.nullable || relation.is_view {
                ""
            } else {
                " not null"
            },
            says.replace('|', "\\|"),
            column.verbs.join(", ")
        );
    }
    part
}

fn function_part(function: &Function, file: &str) -> String {
    let callers: Vec<&str> = function
        .roles
        .iter()
        .map(|role| match role.as_str() {
            "anon" => "visitors (anon)",
            "authenticated" => "signed in",
            "chat_worker" => "the worker",
            other => other,
        })
        .collect();
    let callers = if callers.is_empty() {
        "the owner of the database".to_owned()
    } else {
        callers.join(", ")
    };
    format!(
        "\n### {}({})\nreturns `{}` · called by {callers} · [source](../{file})\n\n{}\n",
        function.name, function.arguments, function.returns, function.says
    )
}
