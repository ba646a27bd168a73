use super::{of_type, text};
use crate::common::{args, content};
use crate::safety::Room;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use testkit::{Oracle, Ran};

impl Room {
    /// A full and three increments; what each state is, by the name of its backup.
    fn states(&mut self, flags: &str) -> Vec<(String, Vec<u8>)> {
        self.long_chain(flags);
        let ends = [8, 13, 14, 21];
        self.backups().into_iter().zip(ends.map(|number| self.database.up_to(number).to_vec())).collect()
    }

    /// Tells what is wrong and changes nothing; then mends it.
    fn repaired(&self) -> Ran {
        let before = self.contents();
        let ran = self.verb("repair", &[]);
        assert_eq!((ran.status, self.contents() == before), (3, true), "{}", text(&ran));
        let ran = self.verb("repair", &["--apply"]).expect_success();
        assert!(text(&ran).ends_with("done; nothing was deleted\n"), "{}", text(&ran));
        // All bytes are still there, under whatever name; only lists were written anew.
        let after: Vec<_> = self.contents().into_values().collect();
        for (name, bytes) in before {
            assert!(after.contains(&bytes), "{name}");
        }
        assert_eq!(self.verify().status, 0, "{}", self.verify().stderr);
        self.verb("repair", &[]).expect_success();
        ran
    }

    fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        self.names().into_iter().map(|name| (name.clone(), content(&self.in_repository(&name)))).collect()
    }

    fn dat_name(&self) -> String {
        self.names().into_iter().find(|name| name.ends_with(".dat")).unwrap()
    }
}

/// These states restore, with every sum checked; by Python's repozo too.
#[track_caller]
fn expect_states(room: &Room, states: &[(String, Vec<u8>)]) {
    let mut oracle = Oracle::start();
    for (name, bytes) in states {
        assert!(room.recovered(&["-w", "-D", &name[..19]]) == *bytes, "{name}");
        let by_python = args!["-R", "-r", room.repository(), "-D", &name[..19]];
        let ran = oracle.repozo(&by_python, room.clock.seconds()).expect_success();
        assert!(ran.stdout == *bytes, "{name}");
    }
    assert_eq!(room.backups(), states.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
}

#[test]
fn a_list_that_is_missing_or_damaged_is_made_from_the_files() {
    for flags in ["", "z"] {
        for damage in [None, Some(&b""[..]), Some(b"no line\n"), Some(b"\xff\n\n")] {
            let mut room = Room::new();
            let states = room.states(flags);
            let dat = room.dat_name();
            match damage {
                None => room.remove(&dat),
                Some(bytes) => room.write(&dat, bytes),
            }
            room.repaired();
            expect_states(&room, &states);
            // And it goes on.
            room.pass(60);
            room.grow();
            room.backup("Q").expect_success();
            assert!(room.backups().last().unwrap().contains(".deltafs"), "an increment");
            assert_eq!(room.recovered(&["-w"]), room.database.bytes());
        }
    }
}

/// Lines that are there are believed: a file that is not what they say is not used, whatever it proves.
#[test]
fn what_the_list_says_is_something_else_is_not_used() {
    let mut room = Room::new();
    let states = room.states("");
    let dat = room.dat_name();
    let list = room.dat(&dat);
    let broken: Vec<&str> = list.lines().take(3).chain(["no line"]).collect();
    room.write(&dat, (broken.join("\n") + "\n").as_bytes());
    // A byte of the data of a record: the structure is as before.
    let mut bytes = content(&room.in_repository(&states[1].0));
    let at = bytes.len() - 12;
    bytes[at] ^= 1;
    room.write(&states[1].0, &bytes);
    room.repaired();
    expect_states(&room, &states[..1]);
    assert!(room.names().contains(&format!("{}.unlisted", states[2].0)));
}

#[test]
fn what_stands_behind_a_hole_is_set_aside() {
    let mut room = Room::new();
    let states = room.states("");
    room.remove(&states[2].0);
    let ran = room.verb("repair", &["--json"]);
    let lines: Vec<Value> = text(&ran).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let chain = of_type(&lines, "chain")[0];
    assert_eq!(chain["usable"], json!([states[0].0, states[1].0]));
    assert_eq!(chain["set_aside"], json!([states[3].0]));
    assert_eq!(chain["last_tid"], room.database.tid(13).to_string());
    room.repaired();
    expect_states(&room, &states[..2]);
}

/// Two programs were at work at once, and both went on from the full: what reaches farther is the newer state.
#[test]
fn of_two_that_overlap_the_one_that_reaches_farther_is_used() {
    let mut room = Room::new();
    let states = room.states("");
    let (base, list) = (states[0].1.len(), room.dat(&room.dat_name()));
    // Another increment from the full on, named behind the first one, as long as all three.
    let other = states[1].0.replace("-20.deltafs", "-25.deltafs");
    room.write(&other, &states[3].1[base..]);
    room.remove(&states[3].0);
    room.remove(&states[2].0);
    let first: Vec<&str> = list.lines().take(2).collect();
    let dir = room.repository();
    let line =
        format!("{}/{other} {base} {} 0123456789abcdef0123456789abcdef", dir.display(), states[3].1.len());
    // Its line is not believed, as it cannot be read.
    let line = &line[..line.len() - 5];
    room.write(&room.dat_name(), format!("{}\n{line}\n", first.join("\n")).as_bytes());
    let expected = vec![states[0].clone(), (other, states[3].1.clone())];
    room.repaired();
    expect_states(&room, &expected);
    assert!(room.names().contains(&format!("{}.unlisted", states[1].0)));
}

#[test]
fn increments_without_their_full_are_set_aside_with_their_list() {
    let mut room = Room::new();
    let states = room.states("");
    room.pass(60);
    room.grow();
    room.backup("F").expect_success();
    let newest = (room.backups().last().unwrap().clone(), room.database.bytes().to_vec());
    room.remove(&states[0].0);
    room.repaired();
    expect_states(&room, &[newest]);
    let aside = room.names().into_iter().filter(|name| name.ends_with(".unlisted")).count();
    assert_eq!(aside, 4, "{:?}", room.names());
}

#[test]
fn where_nothing_is_wrong_nothing_is_done() {
    let mut room = Room::new();
    room.two_chains();
    let before = room.contents();
    let ran = room.verb("repair", &["--apply"]).expect_success();
    assert!(text(&ran).contains("nothing is wrong"), "{}", text(&ran));
    assert_eq!(room.contents(), before);
}
