//! Wrong settings and addresses.

use super::*;

#[test]
fn slips_in_settings_and_addresses_are_refused_with_the_remedy() {
    let slips = [
        ("t2_s = 15", "t2_s = 15 must be less than t1_s = 15"),
        ("t1_s = -1", "t1_s = -1 is outside"),
        ("k = 0", "k is 1 to 32767"),
        ("w = 13", "w is 1 to k"),
        ("zone = \"Africa/Casa\"", "Africa/Casablanca"),
        ("address_octets = 4", "address_octets = 4 is outside 1 to 3"),
        ("group = 17", "outside 0 (all) to 16"),
        ("interrogate_s = nan", "interrogate_s = NaN"),
        ("tls = { ca = \"/nowhere.pem\" }", "/nowhere.pem"),
    ];
    for (extra, remedy) in slips {
        let error = settings(extra).check(&points()).unwrap_err().to_string();
        assert!(error.contains(remedy), "{extra}: {error}");
    }
    assert!(toml::from_str::<Settings>("links = []\nfoo = 1").is_err());
    for (links, remedy) in [("[]", "links is empty"), ("[\"a:b\"]", "\"10.0.0.5:2404\""), ("[\"\"]", "host:port")] {
        let read: Settings = toml::from_str(&format!("links = {links}")).unwrap();
        let error = read.check(&points()).unwrap_err().to_string();
        assert!(error.contains(remedy), "{links}: {error}");
    }
    for (address, extra, remedy) in [
        ("4001", "", "13/4001"),
        ("0/4001", "", "outside 1 to 65534"),
        ("300/1", "common_address_octets = 1", "outside 1 to 254"),
        ("13/65536", "address_octets = 2", "beyond 65535"),
    ] {
        let text = POINTS.replacen("13/4001", address, 1);
        let read = Points::parse(&text, "plant.toml", &Quantities::standard()).unwrap();
        let error = settings(extra).check(&read).unwrap_err().to_string();
        assert!(error.contains(remedy) && error.contains("plant.toml: point 1"), "{address}: {error}");
    }
    let read = Points::parse(&POINTS.replace("bit = 3", "bit = 32"), "plant.toml", &Quantities::standard()).unwrap();
    assert!(settings("").check(&read).unwrap_err().to_string().contains("bit is 0 to 31"));
    settings("").check(&points()).unwrap();
    let places = settings("").checked().unwrap().places;
    assert_eq!(places[0].to_string(), "10.0.0.5:2404");
    assert_eq!(host_port("[::1]:99", 1), Some(("::1".into(), 99)));
    assert_eq!(host_port("rtu.plant:2405", 1), Some(("rtu.plant".into(), 2405)));
}
