//! The command line as people type it.

use clap::{CommandFactory as _, Parser as _};

use crate::Placet;

#[test]
fn the_command_line_is_consistent() {
    Placet::command().debug_assert();
}

#[test]
fn every_command_says_what_it_does_and_help_names_the_exit_codes() {
    fn look(command: &clap::Command, path: &str) {
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let path = format!("{path} {}", sub.get_name());
            assert!(sub.get_about().is_some(), "{path} has no sentence");
            let arguments = sub.get_arguments().filter(|argument| !argument.is_hide_set());
            for argument in arguments.filter(|_| !sub.is_hide_set()) {
                assert!(argument.get_help().is_some(), "{path}: {} has no sentence", argument.get_id());
            }
            look(sub, &path);
        }
    }
    look(&Placet::command(), "placet");
    let help = Placet::command().render_help().to_string();
    for noun in [
        "agent",
        "apply",
        "who",
        "instance",
        "credential",
        "enrol",
        "join",
        "token",
        "kill",
        "resume",
        "keys",
        "approval",
        "connector",
        "policy",
        "receipt",
        "ledger",
        "explain",
        "doctor",
        "stdio",
    ] {
        assert!(help.contains(&format!("\n  {noun} ")), "{noun} is not in the help:\n{help}");
    }
    assert!(help.contains("8 approval pending"));
}

#[test]
fn what_the_documentation_shows_parses() {
    let id = "0".repeat(26);
    for line in [
        "placet agent register crm-writer --owner carol --purpose fresh --tier 2 --group sales --group crm",
        "placet agent list --home /srv/placet --json",
        "placet agent register crm-reader --owner carol --purpose p --want crm.get_deal --want mail --data customer --backup bob --until 2027-01-31 --certify-days 30 --contact x --environment production --model m",
        "placet agent list --owner carol --tier 2 --stage countdown --unused-for 30d",
        "placet credential add billing --github acme/billing --ref refs/heads/main",
        "placet credential add billing --jwk key.json",
        "placet credential add billing --issuer ci --claim sub=abc --claim ref=main",
        "placet credential list --agent billing",
        "placet enrol billing",
        "placet join https://placet.example --code 4F7KQ-4F7KQ-4F7KQ-4F7KQ",
        "placet token --task renew --scope crm.get_deal --token-only",
        "placet instance end",
        "placet agent show crm-writer",
        "placet agent history crm-writer --json",
        "placet agent approve crm-writer --because fine --as security",
        "placet agent deny crm-writer --because no",
        "placet agent certify crm-writer",
        "placet agent shrink crm-writer",
        "placet agent owner crm-writer bob",
        "placet agent suspend crm-writer",
        "placet agent resume crm-writer",
        "placet agent retire crm-writer",
        "placet apply --plan",
        "placet apply agents --yes --prune",
        &format!("placet who cal_{id}"),
        "placet --version",
        "placet instance start crm-writer --task t --ticket SAL-7 --on-behalf-of bob --fact a=b --fact n:=[1] --ttl 15m --token-only",
        "placet instance list --agent crm-writer",
        &format!("placet instance revoke ins_{id}"),
        &format!("placet kill instance ins_{id} --reason loops"),
        "placet kill agent crm-writer --reason loops",
        "placet kill connector crm --reason leaks",
        "placet kill tool crm.update_deal --reason leaks --json",
        "placet kill all --reason fire",
        "placet kill list",
        &format!("placet resume instance ins_{id}"),
        "placet resume agent crm-writer",
        "placet resume tool crm.update_deal",
        "placet resume all",
        "placet keys rotate",
        "placet keys rotate --leaked",
        "placet keys rotate --log",
        "placet ledger keys --dir /backup --key log+1+a",
        "placet approval list --state all",
        &format!("placet approval show apr_{id} --exit-code"),
        &format!("placet approval approve apr_{id} --because fine"),
        &format!("placet approval deny apr_{id}"),
        "placet connector accept crm --tool update_deal",
        "placet policy reload --socket /run/placet.sock",
        &format!("placet receipt show cal_{id} --json"),
        "placet receipt verify receipts.json --key log.example+00000000+AAAA",
        "placet ledger verify --checkpoint kept.txt --dir ledger --key one --key two",
        "placet ledger checkpoint",
        "placet explain PL-1201",
        "placet explain 1201",
        "placet completions zsh",
        "placet doctor --json",
        "placet status --probe",
        "placet stdio crm --token-file token",
    ] {
        let parsed = Placet::try_parse_from(line.split(' '));
        let fine =
            parsed.as_ref().err().is_none_or(|error| error.kind() == clap::error::ErrorKind::DisplayVersion);
        assert!(fine, "{line}: {parsed:?}");
    }
}

#[test]
fn what_the_documentation_of_policies_shows_parses() {
    for line in [
        "placet policy promote",
        "placet policy promote --from candidate --shadow",
        "placet policy promote --git main --canary crm-writer,crm-reader",
        &format!("placet policy promote --revision sha256:{}", "0".repeat(64)),
        &format!("placet policy approve sha256:{}", "0".repeat(64)),
        "placet policy rollback",
        "placet policy sign --key signer.pem --name security@corp.example",
        "placet policy shadow",
        "placet policy replay candidate --days 30 --json",
        "placet policy replay --recorded",
        "placet policy unused --days 90",
        "placet policy forget --agent crm-writer",
        "placet policy withdraw shadow",
        "placet policy history --json",
        &format!("placet policy show sha256:{} --out before", "0".repeat(64)),
    ] {
        let parsed = Placet::try_parse_from(line.split(' '));
        assert!(parsed.is_ok(), "{line}: {parsed:?}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_a_sentence() {
    for (line, told) in [
        ("placet agent register a --owner o --purpose p --tier 4", "not a tier"),
        ("placet agent register a/b --owner o --purpose p --tier 1", "not a name of an agent"),
        ("placet agent register a --owner o --purpose p", "--tier"),
        ("placet agent register a --owner o --purpose p --want crm.", "not a name of a tool"),
        ("placet agent list --stage alive", "possible values"),
        ("placet agent list --unused-for long", "write a time"),
        ("placet who apr_1", "neither a call"),
        ("placet apply --plan --yes", "cannot be used with"),
        ("placet approval approve apr_1", "not an id"),
        ("placet explain PL-9", "`placet explain` lists them"),
        ("placet instance start a --ttl 1d", "write a time"),
        ("placet receipt show apr_1", "rcp_"),
        ("placet policy forget", "required"),
        ("placet policy replay main --recorded", "cannot be used with"),
        ("placet policy promote --from a --git b", "cannot be used with"),
        ("placet policy promote --canary a --shadow", "cannot be used with"),
        ("placet policy withdraw everything", "`canary`, `proposed` or `shadow`"),
        ("placet approvals list", "similar subcommand"),
    ] {
        let error = Placet::try_parse_from(line.split(' ')).unwrap_err();
        assert!(error.to_string().contains(told), "{line}: {error}");
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}
