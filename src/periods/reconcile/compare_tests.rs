//! Lists made up at random: whatever they are, nothing is lost and nothing counts twice.

use super::*;
use proptest::prelude::*;

/// Both lists were read up to these seconds.
fn read(images: i64, volumes: i64) -> Reach {
    Reach {
        images: BTreeMap::from([("ceph".to_owned(), Some(Ts::from_second(images)))]),
        volumes: Some(Ts::from_second(volumes)),
    }
}

fn end() -> Reach {
    read(10_000, 10_000)
}

fn id(n: u8) -> String {
    format!("{n:08x}-0000-4000-8000-000000000000")
}

fn image(name: String, since: i64) -> Image {
    Image {
        source: "ceph".into(),
        resource: format!("volumes/{name}"),
        pool: "volumes".into(),
        name,
        provisioned_bytes: Some(1 << 30),
        used_bytes: Some(1 << 20),
        snapshots: 0,
        trash: false,
        since: Ts::from_second(since),
        ended: None,
    }
}

fn volume(n: u8, ended: Option<i64>) -> Volume {
    Volume {
        id: id(n),
        image_id: id(n),
        image_since: Ts::MIN,
        name: String::new(),
        volume_type: "fast".into(),
        zone: "nova".into(),
        bytes: Some(1 << 30),
        state: "available".into(),
        since: Ts::from_second(100),
        ended: ended.map(Ts::from_second),
    }
}

#[test]
fn names_tell_whose_an_image_is() {
    let a = id(1);
    for (name, told) in [
        (format!("volume-{a}"), Some((a.as_str(), false))),
        (format!("volume-{a}.deleted"), Some((a.as_str(), true))),
        (format!("volume-{a}.backup.base"), None),
        (a.clone(), None),
        ("volume-é00000000-0000-4000-8000-00000000000".into(), None),
        ("volume-A0000000-0000-4000-8000-000000000000".into(), None),
        ("csi-vol-1".into(), None),
        (String::new(), None),
    ] {
        assert_eq!(volume_of(&name), told, "{name}");
    }
}

#[test]
fn each_cause_is_told_with_its_time() {
    let mut trashed = image(format!("volume-{}", id(3)), 300);
    trashed.trash = true;
    let images = [
        image(format!("volume-{}", id(1)), 200),
        image(format!("volume-{}", id(2)), 200),
        trashed,
        image(format!("volume-{}", id(4)), 400),
        // Neither is proven: made after Cinder's list was read, or its volume ended after the images' was.
        image(format!("volume-{}", id(5)), 9_990),
        image(format!("volume-{}", id(6)), 200),
    ];
    let volumes = [
        volume(1, None),
        volume(2, Some(5_000)),
        volume(3, None),
        volume(6, Some(9_990)),
    ];
    let all = compare(&images, &volumes, &end());
    let told: Vec<(Cause, i64)> = all
        .ghosts
        .iter()
        .map(|g| (g.cause, g.since.second()))
        .collect();
    assert_eq!(
        told,
        [
            (Cause::VolumeDeleted, 5_000),
            (Cause::SetAside, 300),
            (Cause::VolumeUnknown, 400)
        ]
    );
    assert_eq!(all.images_of(ImageSide::Unsettled).count, 2);
    // Its image in the trash is not the image of volume 3.
    assert_eq!(all.missing.len(), 1);
    assert_eq!(all.missing[0].id, id(3));
}

#[test]
fn a_moved_volume_has_the_image_whose_place_it_took() {
    let mut moved = volume(1, None);
    moved.image_id = id(2);
    let all = compare(
        &[image(format!("volume-{}", id(2)), 200)],
        &[moved, volume(2, Some(150))],
        &end(),
    );
    assert!(all.ghosts.is_empty() && all.missing.is_empty(), "{all:?}");
}

#[test]
fn an_image_that_a_volume_has_left_is_a_ghost_from_when_that_is_known() {
    let mut moved = volume(1, None);
    moved.image_id = id(2);
    moved.image_since = Ts::from_second(5_000);
    let images = [1, 2].map(|n| image(format!("volume-{}", id(n)), 200));
    let all = compare(&images, &[moved.clone()], &end());
    assert_eq!(all.ghosts.len(), 1);
    let ghost = &all.ghosts[0];
    assert_eq!(
        (ghost.image.name.as_str(), ghost.cause, ghost.since.second()),
        (images[0].name.as_str(), Cause::MovedAway, 5_000)
    );
    assert_eq!(all.volumes_of(VolumeSide::Matched).count, 1);
    // Cinder removes it in a moment: a list of images from before that proves nothing.
    let all = compare(&images, &[moved.clone()], &read(5_059, 10_000));
    assert!(all.ghosts.is_empty(), "{all:?}");
    // Deleted since, and what it left stayed.
    moved.ended = Some(Ts::from_second(6_000));
    let all = compare(&images, &[moved], &end());
    assert!(
        all.ghosts.len() == 2 && all.ghosts.iter().all(|g| g.cause == Cause::VolumeDeleted),
        "{all:?}"
    );
}

#[test]
fn what_may_have_come_or_gone_between_two_lists_is_not_judged() {
    let of = |n: u8, since| image(format!("volume-{}", id(n)), since);
    let beside = [volume(9, None), volume(1, None)];
    let mut trashed = of(1, 4_000);
    trashed.trash = true;
    let mut gone = of(1, 200);
    gone.ended = Some(Ts::from_second(4_000));
    let unjudged = |images: &[Image], reach: &Reach| {
        let mut images = images.to_vec();
        images.push(of(9, 100));
        let all = compare(&images, &beside, reach);
        (all.ghosts.len() + all.missing.len()) == 0
    };
    for (images, settled) in [
        // No volume of that id: it may have been made after the list of volumes, or both may be gone since the list of images.
        (&[of(1, 200), of(2, 4_000)][..], [4_060, 4_060]),
        // Deleted volumes' images go to the trash first, or go before their records do.
        (&[trashed], [4_060, 4_060]),
        (&[gone], [4_060, 4_060]),
    ] {
        let [i, v] = settled;
        assert!(!unjudged(images, &read(i, v)), "{images:?}");
        assert!(unjudged(images, &read(i - 1, v)), "{images:?}");
        assert!(unjudged(images, &read(i, v - 1)), "{images:?}");
        assert!(unjudged(images, &Reach::default()), "{images:?}");
    }
    // Of several clusters each proves its own ghosts; that a volume has no image, all of them together.
    let mut reach = read(9_000, 9_000);
    reach.images.insert("behind".to_owned(), None);
    assert!(!reach.is_whole());
    let all = compare(&[of(2, 4_000), of(9, 100)], &beside, &reach);
    assert_eq!((all.ghosts.len(), all.missing.len()), (1, 0));
}

#[test]
fn a_type_without_any_image_here_is_kept_elsewhere() {
    let mut other = volume(2, None);
    other.volume_type = "nfs".into();
    let mut young = volume(3, None);
    young.state = "creating".into();
    let all = compare(
        &[image(format!("volume-{}", id(1)), 200)],
        &[volume(1, None), other, young],
        &end(),
    );
    for side in [
        VolumeSide::Matched,
        VolumeSide::Elsewhere,
        VolumeSide::Unsettled,
    ] {
        assert_eq!(all.volumes_of(side).count, 1, "{side:?}");
    }
}

prop_compose! {
    fn any_image()(n in 0u8..12, form in 0u8..4, size in proptest::option::of(0i64..=i64::MAX), used in proptest::option::of(0i64..=i64::MAX),
        trash: bool, since in 0i64..12_000, ended in proptest::option::weighted(0.2, 0i64..12_000)) -> Image {
        let name = match form {
            0 => format!("volume-{}", id(n)),
            1 => format!("volume-{}.deleted", id(n)),
            2 => format!("volume-{}.backup.base", id(n)),
            _ => format!("disk-{n}"),
        };
        Image { provisioned_bytes: size, used_bytes: used, trash, ended: ended.map(Ts::from_second), ..image(name, since) }
    }
}

prop_compose! {
    fn any_volume()(n in 0u8..12, of in 0u8..12, moved in 0i64..12_000, bytes in proptest::option::of(0i64..=i64::MAX), creating: bool, fast: bool,
        since in 0i64..12_000, ended in proptest::option::of(0i64..12_000)) -> Volume {
        Volume {
            image_id: id(of),
            image_since: Ts::from_second(moved),
            volume_type: if fast { "fast" } else { "large" }.into(),
            bytes,
            state: if creating { "creating" } else { "available" }.into(),
            since: Ts::from_second(since),
            ..volume(n, ended)
        }
    }
}

proptest! {
    #[test]
    fn the_sides_are_the_whole(images in proptest::collection::vec(any_image(), 0..40), volumes in proptest::collection::vec(any_volume(), 0..40)) {
        let all = compare(&images, &volumes, &end());
        let (mut sides, mut whole) = (Sum::default(), Sum::default());
        all.images.values().for_each(|s| sides.add_all(s));
        images.iter().filter(|i| i.ended.is_none()).for_each(|i| whole.add(i.provisioned_bytes, i.used_bytes));
        prop_assert_eq!(sides, whole);
        let mut ghosts = Sum::default();
        all.ghosts.iter().for_each(|g| ghosts.add(g.image.provisioned_bytes, g.image.used_bytes));
        prop_assert_eq!(all.images_of(ImageSide::Ghost), ghosts);

        let (mut sides, mut whole) = (Sum::default(), Sum::default());
        all.volumes.values().for_each(|s| sides.add_all(s));
        volumes.iter().filter(|v| v.ended.is_none()).for_each(|v| whole.add(v.bytes, None));
        prop_assert_eq!(sides, whole);
        let mut missing = Sum::default();
        all.missing.iter().for_each(|v| missing.add(v.bytes, None));
        prop_assert_eq!(all.volumes_of(VolumeSide::Missing), missing);
        prop_assert!(all.missing.iter().all(|v| v.ended.is_none()));
    }

    /// Lists that are read further take back nothing that was proven.
    #[test]
    fn what_is_proven_stays_proven(images in proptest::collection::vec(any_image(), 0..20), volumes in proptest::collection::vec(any_volume(), 0..20),
        i in 0i64..12_000, v in 0i64..12_000, more in 0i64..500) {
        let volumes: Vec<Volume> = volumes.into_iter().map(|v| (v.id.clone(), v)).collect::<BTreeMap<_, _>>().into_values().collect();
        let (one, two) = (compare(&images, &volumes, &read(i, v)), compare(&images, &volumes, &read(i + more, v + more)));
        prop_assert!(one.ghosts.iter().all(|g| two.ghosts.contains(g)));
        prop_assert!(one.missing.iter().all(|m| two.missing.contains(m)));
    }

    #[test]
    fn the_order_of_lists_does_not_matter(mut images in proptest::collection::vec(any_image(), 0..20), n in 0usize..20, volumes in proptest::collection::vec(any_volume(), 0..20)) {
        for (i, image) in images.iter_mut().enumerate() {
            image.resource = format!("volumes/{i}");
        }
        let volumes: Vec<Volume> = volumes.into_iter().map(|v| (v.id.clone(), v)).collect::<BTreeMap<_, _>>().into_values().collect();
        let one = compare(&images, &volumes, &end());
        let (mut turned, mut other) = (images, volumes);
        let by = n % turned.len().max(1);
        turned.rotate_left(by);
        other.reverse();
        let two = compare(&turned, &other, &end());
        prop_assert_eq!(one.images, two.images);
        prop_assert_eq!(one.missing, two.missing);
        prop_assert_eq!(one.ghosts, two.ghosts);
    }
}
