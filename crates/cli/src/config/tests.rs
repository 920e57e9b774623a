use super::*;

fn read(text: &str) -> Result<Config, String> {
    parse(Path::new("/etc/placet/placet.toml"), text).map_err(|error| error.to_string())
}

#[test]
fn an_empty_file_listens_on_loopback_and_denies_everything() {
    let config = read("").unwrap();
    assert!(config.listen.ip().is_loopback());
    assert!(config.connectors.is_empty());
}

#[test]
fn an_unknown_key_is_an_error_that_names_the_known_ones() {
    let error = read("[gateway]\nlisten_on = \"x\"").unwrap_err();
    assert!(error.contains("listen_on") && error.contains("`listen`"), "{error}");
}

#[test]
fn an_address_that_others_can_reach_needs_a_proxy() {
    assert!(read("[gateway]\nlisten = \"0.0.0.0:7420\"").unwrap_err().contains("behind_proxy"));
    assert!(read("[gateway]\nlisten = \"0.0.0.0:7420\"\nbehind_proxy = true").is_ok());
}

#[test]
fn a_connector_is_reached_in_exactly_one_way() {
    assert!(read("[connector.a]\nurl = \"http://127.0.0.1:1/mcp\"").is_ok());
    assert!(read("[connector.a]\ncommand = \"/bin/x\"").is_ok());
    assert!(read("[connector.a]").unwrap_err().contains("connector.a"));
    assert!(read("[connector.a]\nurl = \"http://127.0.0.1:1\"\ncommand = \"x\"").is_err());
    assert!(read("[connector.\"a/b\"]\nurl = \"http://127.0.0.1:1\"").is_err());
}

#[test]
fn a_secret_that_is_missing_stops_the_start() {
    let text =
        "[connector.a]\nurl = \"http://127.0.0.1:1\"\nheaders = { X-Key = { env = \"PLACET_NO_SUCH\" } }";
    assert!(read(text).unwrap_err().contains("PLACET_NO_SUCH"));
}

#[test]
fn two_people_cannot_be_the_same_user() {
    let text = "[[person]]\nname = \"a\"\nos_uid = 7\n[[person]]\nname = \"b\"\nos_uid = 7";
    assert!(read(text).unwrap_err().contains("another person"));
}

#[test]
fn policy_files_are_found_beside_the_file() {
    let config = read("[policy]\nfiles = [\"rules/*.cedar\"]").unwrap();
    assert_eq!(config.policy_files, [PathBuf::from("/etc/placet/rules/*.cedar")]);
}
