//! The guarantees of a store that can list.

use log2aws_core::key::BucketName;
use log2aws_service::ports::{ListPage, ListQuery, ObjectLister};

use super::{Broken, Outcome, holds, key, not_found, put, same};

/// A check of one guarantee of a lister in one bucket.
pub type ListCheck = fn(&dyn ObjectLister, &BucketName) -> Outcome;

/// The guarantees of lists that hold in every bucket.
pub const LISTS: &[(&str, ListCheck)] = &[
    ("a list has every key in order", a_list_has_every_key_in_order),
    ("folders are rolled up", folders_are_rolled_up),
    ("a list goes on behind any key", a_list_goes_on_behind_any_key),
    ("a long list comes in pages", a_long_list_comes_in_pages),
    ("a tag changes with the body", a_tag_changes_with_the_body),
];

/// Lists the keys below a prefix in the byte order of UTF-8, without other or deleted keys. Keys
/// that XML or a path would have to escape are listed as they were put.
///
/// # Errors
/// [`Broken`].
pub fn a_list_has_every_key_in_order(store: &dyn ObjectLister, bucket: &BucketName) -> Outcome {
    let names = [
        "",
        "/",
        "a",
        "a b",
        "a%20b",
        "a+b",
        "a/b",
        "a/é",
        "b\tc",
        "b\u{1}",
        "日本語",
        "\u{1f5c4}",
    ];
    for name in names {
        put(store, bucket, &key(&format!("in order/{name}"))?, b"x")?;
    }
    let gone = key("in order/gone")?;
    put(store, bucket, &gone, b"x")?;
    store.delete(bucket, &gone)?;
    put(store, bucket, &key("in order")?, b"x")?;
    let prefix = "conformance/in order/";
    let mut expected = names.map(|name| format!("{prefix}{name}"));
    expected.sort();
    let query = ListQuery { prefix: prefix.to_owned(), ..ListQuery::default() };
    same("keys", keys(&store.list(bucket, &query)?), expected.to_vec())?;
    let part = ListQuery { prefix: format!("{prefix}a/"), ..ListQuery::default() };
    same("keys of a folder", keys(&store.list(bucket, &part)?), {
        vec![format!("{prefix}a/b"), format!("{prefix}a/é")]
    })?;
    let none = ListQuery { prefix: format!("{prefix}nothing"), ..ListQuery::default() };
    same("an empty list", store.list(bucket, &none)?, ListPage::default())
}

/// With `folders`, keys with a further `/` are represented once, by their folder.
///
/// # Errors
/// [`Broken`].
pub fn folders_are_rolled_up(store: &dyn ObjectLister, bucket: &BucketName) -> Outcome {
    let prefix = "conformance/rolled/";
    for name in ["web01/1.log", "web01/2.log", "web01", "web01.example/1.log", "web02/a/b", "x//y"]
    {
        put(store, bucket, &key(&format!("rolled/{name}"))?, b"x")?;
    }
    let query = ListQuery { prefix: prefix.to_owned(), folders: true, after: None };
    let page = store.list(bucket, &query)?;
    same("keys", keys(&page), vec![format!("{prefix}web01")])?;
    let folders =
        ["web01.example/", "web01/", "web02/", "x/"].map(|name| format!("{prefix}{name}"));
    same("folders", page.folders, folders.to_vec())?;
    same("the next page", page.next, None)
}

/// `after` need not be an existing key. A folder counts as a key of its own: if `after` is the
/// folder or lies in it, the folder is not listed again.
///
/// # Errors
/// [`Broken`].
pub fn a_list_goes_on_behind_any_key(store: &dyn ObjectLister, bucket: &BucketName) -> Outcome {
    let prefix = "conformance/behind/";
    for name in ["a", "b/1", "b/2", "b0", "c/1", "d"] {
        put(store, bucket, &key(&format!("behind/{name}"))?, b"x")?;
    }
    for (after, folders, expected) in [
        ("a", false, &["b/1", "b/2", "b0", "c/1", "d"][..]),
        ("b/1", false, &["b/2", "b0", "c/1", "d"]),
        ("b/1.5", false, &["b/2", "b0", "c/1", "d"]),
        ("d", false, &[]),
        ("a", true, &["b/", "b0", "c/", "d"]),
        ("b/", true, &["b0", "c/", "d"]),
        ("b/1", true, &["b0", "c/", "d"]),
        ("b0", true, &["c/", "d"]),
    ] {
        let query = ListQuery {
            prefix: prefix.to_owned(),
            after: Some(format!("{prefix}{after}")),
            folders,
        };
        let (all, _) = walk(store, bucket, query)?;
        let expected: Vec<String> = expected.iter().map(|name| format!("{prefix}{name}")).collect();
        same(&format!("behind {after:?}, folders: {folders}"), all, expected)?;
    }
    Ok(())
}

/// A page has at most 1,000 entries, including folders, and says where the next one begins.
///
/// # Errors
/// [`Broken`].
pub fn a_long_list_comes_in_pages(store: &dyn ObjectLister, bucket: &BucketName) -> Outcome {
    let prefix = "conformance/pages/";
    let folder = |i: u32| i.is_multiple_of(3);
    let names: Vec<u32> = (0..1_003).collect();
    let put_some = |names: &[u32]| -> Outcome {
        names.iter().try_for_each(|i| {
            let key = key(&format!("pages/{i:04}{}", if folder(*i) { "/x" } else { "" }))?;
            // One from an earlier run is good enough.
            if store.head(bucket, &key)?.is_none() {
                put(store, bucket, &key, b"x")?;
            }
            Ok(())
        })
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            names.chunks(32).map(|names| scope.spawn(move || put_some(names))).collect();
        let joined = |thread: std::thread::ScopedJoinHandle<'_, Outcome>| {
            thread.join().unwrap_or_else(|_| Err(Broken("a put panicked".to_owned())))
        };
        threads.into_iter().try_for_each(joined)
    })?;
    let shown = |i: &u32| format!("{prefix}{i:04}{}", if folder(*i) { "/" } else { "" });
    let expected: Vec<String> = names.iter().map(shown).collect();
    let query = ListQuery { prefix: prefix.to_owned(), folders: true, after: None };
    let (all, pages) = walk(store, bucket, query)?;
    same("entries of all pages", all, expected)?;
    holds("1,003 entries came on one page", pages > 1)
}

/// An object's entity tag stays the same with its body and changes with it; its size is right.
///
/// # Errors
/// [`Broken`].
pub fn a_tag_changes_with_the_body(store: &dyn ObjectLister, bucket: &BucketName) -> Outcome {
    let key = key("tagged/object")?;
    let query = ListQuery { prefix: key.to_string(), ..ListQuery::default() };
    let look = || match store.list(bucket, &query)?.objects.as_slice() {
        [one] if one.key == key => Ok((one.e_tag.clone(), one.size)),
        other => Err(Broken(format!("the list is {other:?}"))),
    };
    put(store, bucket, &key, b"first")?;
    let (first, size) = look()?;
    same("size", size, 5)?;
    same("the tag of an unchanged body", look()?.0, first.clone())?;
    put(store, bucket, &key, b"other")?;
    holds("the tag of another body is the same", look()?.0 != first)
}

/// Listing an unknown bucket is `NotFound`.
///
/// # Errors
/// [`Broken`].
pub fn a_list_of_an_unknown_bucket_is_not_found(store: &dyn ObjectLister) -> Outcome {
    let bucket: BucketName = "log2aws-conformance-no-such-bucket"
        .parse()
        .map_err(|e| Broken(format!("not a bucket name: {e}")))?;
    not_found(store.list(&bucket, &ListQuery::default()).map(drop))
}

/// All entries of a list in order, and the number of pages.
fn walk(
    store: &dyn ObjectLister,
    bucket: &BucketName,
    mut query: ListQuery,
) -> Result<(Vec<String>, usize), Broken> {
    let (mut all, mut pages) = (Vec::new(), 0);
    loop {
        let page = store.list(bucket, &query)?;
        pages += 1;
        holds(
            "a page has more than 1,000 entries",
            page.objects.len() + page.folders.len() <= 1000,
        )?;
        let mut entries = keys(&page);
        entries.extend(page.folders);
        entries.sort();
        all.extend(entries);
        let Some(next) = page.next else { return Ok((all, pages)) };
        holds("the next page goes back", query.after.is_none_or(|after| after < next))?;
        query.after = Some(next);
    }
}

fn keys(page: &ListPage) -> Vec<String> {
    page.objects.iter().map(|object| object.key.to_string()).collect()
}
