//! What a login may do to a bucket, and whether the bucket is read as nodes.toml says: asked before anything is written.

use super::{read_text, Bucket};
use crate::inventory::PublicReading;
use crate::words::{refuse, ObjectName};
use anyhow::{bail, Context, Result};
use serde::Deserialize;

const NEEDED: [&str; 3] = [
    "storage.objects.create",
    "storage.objects.get",
    "storage.objects.list",
];
const OVERWRITE: &str = "storage.objects.delete";
const SEE_BUCKET: &str = "storage.buckets.get";

#[derive(Deserialize)]
struct Granted {
    /// Left out where there is none.
    #[serde(default)]
    permissions: Vec<String>,
}

impl Granted {
    fn parse(text: &[u8]) -> Result<Vec<String>> {
        let granted: Granted = serde_json::from_slice(text)
            .context("an answer about permissions that does not read")?;
        Ok(granted.permissions)
    }
}

impl Bucket {
    /// That the bucket is there, that this login may write to it, and that it is read as nodes.toml says. Nothing is written.
    pub fn preflight(&self) -> Result<()> {
        if self.credentials.is_none() {
            return self.resources(ObjectName::INDEX).map(drop);
        }
        let granted = self.permissions()?;
        let missing: Vec<&str> = NEEDED
            .into_iter()
            .filter(|needed| !granted.iter().any(|granted| granted == needed))
            .collect();
        if !missing.is_empty() {
            bail!(
                "{} may not be written by {}: it lacks {}; docs/publishing.md says how to grant that",
                self.location, self.login(), missing.join(", ")
            );
        }
        if granted.iter().any(|granted| granted == SEE_BUCKET) {
            self.check_public()?;
        }
        if !granted.iter().any(|granted| granted == OVERWRITE)
            && self.may_overwrite_index()? == Some(false)
        {
            bail!(
                "{} may not overwrite {}/{} (Google calls that {OVERWRITE}); docs/publishing.md says how to grant it for the pointers alone",
                self.login(), self.location, ObjectName::INDEX
            );
        }
        Ok(())
    }

    /// Each permission that matters, and how it stands.
    pub fn diagnosis(&self) -> Result<Vec<(&'static str, &'static str)>> {
        if self.credentials.is_none() {
            return Ok(Vec::new());
        }
        let granted = self.permissions()?;
        let has = |name: &str| granted.iter().any(|granted| granted == name);
        let overwrite = match (has(OVERWRITE), self.may_overwrite_index()?) {
            (true, _) => {
                "yes, on every object: a condition on names would protect what is published"
            }
            (false, Some(true)) => "yes, on index.json, by a condition on names",
            (false, Some(false)) => "no, and the pointers could not be moved",
            (false, None) => "not on the whole bucket; on index.json it cannot be asked",
        };
        let yes_or_no = |name: &'static str| {
            (
                name,
                if has(name) {
                    "yes"
                } else {
                    "no, and it is needed"
                },
            )
        };
        let mut states: Vec<_> = NEEDED.into_iter().map(yes_or_no).collect();
        states.push((OVERWRITE, overwrite));
        let seen = if has(SEE_BUCKET) {
            "yes"
        } else {
            "no: the bucket's access mode is not checked"
        };
        states.push((SEE_BUCKET, seen));
        Ok(states)
    }

    /// Which of the permissions that matter here the login has on the whole bucket.
    fn permissions(&self) -> Result<Vec<String>> {
        let mut asked = NEEDED.to_vec();
        asked.extend([OVERWRITE, SEE_BUCKET]);
        let query: Vec<String> = asked
            .iter()
            .map(|name| format!("permissions={name}"))
            .collect();
        let url = self.api(&format!("iam/testPermissions?{}", query.join("&")));
        let answer = self.send(&self.get(&url), &read_text)?;
        match answer.body {
            Some(body) => Granted::parse(&body),
            None => Err(self.refused("asking for permissions", answer.status, &answer.complaint)),
        }
    }

    /// A condition on names is seen only by asking about the object. `None`: it cannot be known.
    fn may_overwrite_index(&self) -> Result<Option<bool>> {
        let index = self.object(&ObjectName::index());
        let url = format!("{index}/iam/testPermissions?permissions={OVERWRITE}");
        let answer = self.send(&self.get(&url), &read_text)?;
        let granted = answer.body.map(|body| Granted::parse(&body)).transpose()?;
        Ok(granted.map(|granted| !granted.is_empty()))
    }

    fn check_public(&self) -> Result<()> {
        let url = self.api("?fields=iamConfiguration");
        let answer = self.send(&self.get(&url.replace("/?", "?")), &read_text)?;
        let Some(body) = answer.body else {
            return Err(self.refused("asking about the bucket", answer.status, &answer.complaint));
        };
        let bucket: serde_json::Value =
            serde_json::from_slice(&body).context("a bucket that does not read")?;
        let configuration = &bucket["iamConfiguration"];
        if configuration["publicAccessPrevention"] == "enforced" {
            bail!("{} enforces public access prevention: nobody could read its releases; take that off the bucket", self.location);
        }
        let uniform = configuration["uniformBucketLevelAccess"]["enabled"] == true;
        if uniform && self.public == PublicReading::ObjectAcl {
            return Err(refuse(format!(
                "{} has uniform bucket-level access, which takes no object ACLs; set `public = \"bucket-iam\"` under [publish] in nodes.toml",
                self.location
            )));
        }
        Ok(())
    }
}
