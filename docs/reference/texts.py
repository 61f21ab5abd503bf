"""The prose of the reference pages."""

GENERATED = "<!-- Written by docs/reference/generate.py. Change the code or that script, not this page. -->"

ENVELOPE = {
    "tenant_id": "The tenant whose log has the event.",
    "originator_id": "The asset, the job, the declared reference or the tenant that the event happened to.",
    "originator_version": "The revision: the events of one originator are numbered 1, 2, 3, …",
    "recorded_at": "The server's clock when the event was decided.",
    "actor": "Who acted, as the caller says: the header `X-Actor`, or else the key's holder.",
    "authenticated": "The key that acted and its holder, as the ledger has checked. Absent: the ledger "
    "itself, an operator on the command line, or an event of version 1.",
    "subject": "The person whose personal data the event has. Absent: the tenant. The subject's key seals the sealed "
    "fields.",
    "correlation_id": "The id of the request that caused the event.",
    "causation_id": "The id of whatever led to that request (`X-Causation-ID`).",
    "reason": "Why, in the caller's words.",
}

EVENTS = """\
Every change is one of these events. An event is stored once, as one JSON document on one line, and never changed.
A document has at most {max_entry:,} bytes. A member of the document or of `data` that is null is left out.

Sealed fields are not stored in the clear. They go together into one JSON object, which is encrypted with AES-256-GCM
under the key of the event's subject; the last member, `sealed`, holds the result. The rest of the document is the
additional data of that encryption, so changing any of it breaks the seal. Why it is so:
[decision 0002](../decisions/0002-the-stored-bytes-are-the-event.md).

Documents (`metadata`, `prompt_spec`, `snapshot`) that do not fit into an event are in the content store. In the place
of each is its reference, `{{"$document": {{"id": …, "sha256": …, "size": …}}}}`, and `documents` lists the ids. Why:
[decision 0016](../decisions/0016-large-documents-are-kept-beside-the-log.md).

The examples are laid out over several lines here. `A256GCM.…` stands for the sealed fields."""

SETTINGS = """\
All settings come from the environment. Without any, the ledger runs on a PostgreSQL of its own. To run on yours, set
the five URLs and the key-encryption key: see [Use your own PostgreSQL](../how-to/your-own-postgresql.md)."""

VERSIONS = """\
Every document also has `topic`, `schema_version` ({version} unless the event says otherwise) and `data`. If it has
sealed fields, `sealed_fields` names them. Version 1 of an event has no `authenticated` and no `sealed_fields`. It stays
readable, and the feed shows it in the form of the current version."""

CONVENTIONS = """\
The API speaks JSON (UTF-8, RFC 8259) in which no object has two members of one name (RFC 7493): a doubled member is
422. A running service describes itself at `/docs` and `/openapi.json`.

## Conventions

**Keys.** Send a key with every request but those of health: `Authorization: Bearer KEY`. The key decides the tenant.
`asset-ledger key issue` makes one. A missing, wrong or revoked key is 401.

**X-Actor** says who acts, written `type:id`, such as `user:u_42`. The type is `user`, `worker` or `system`. Use a
pseudonymous id, never an e-mail address: it is not sealed. Absent, the key's holder acts. It is the caller's word;
which key it came with is recorded beside it, as `authenticated`. `system:ledger` is the ledger itself: 403.

**X-Request-ID** names the request: 1 to 64 letters, digits, dots, hyphens or underscores. Absent or malformed, the
service makes one. Every answer carries it, the log of the service has it, and every event keeps it as
`correlation_id`. **X-Causation-ID** names what led to the request and has the same form; every event keeps it.

**ETag and If-Match.** An answer with an asset, a job or the policy carries its revision as `ETag: "3"`. Send it back
as `If-Match: "3"` with a change: if somebody else was faster, the answer is 412 and nothing is written. Without it, the
change is decided on the newest revision, and again whenever somebody else was faster.

**Idempotency-Key** is any string of 1 to 512 characters that you make up for one request and repeat with it. For a new
asset: the same key and body answer with the asset as it is now (200), another body is 409, and so is an asset deleted
since. For a job the input alone is the identity, and the key is kept with the attempt that it caused: repeating it
never starts another. A claim under a key can be asked for again for a day: the same actor gets those of its jobs that
are leased by it still, with their leases extended, and never others; another body is 409. Batches take no such header;
in a batch of jobs, an operation takes `idempotency_key`.

**Ledger-Position and min_position.** Every write answers with the position of its last event in the tenant's log. Lists
lag a few milliseconds behind. Give the position as `min_position` to a list, and it waits until it shows that write;
after {wait:g} seconds the answer is 503 with `Retry-After`. Reading an asset, a job or the policy is always current.

**Ledger-Rebuilding** in the answer to a list names read models that are being rebuilt: until they are complete, items
may be missing and the total too small. Purges and zips by a filter, and exports, answer 503 meanwhile.

**Paging.** A list takes `limit` (1 to 200, 50 if absent) and answers `items` and `next`. Give `next` as `cursor` for
the next page; null is the end. Items that are added or deleted meanwhile make no other item repeat or disappear. A
cursor belongs to one tenant and one set of filters; with others it is 400.

**Exports.** Assets, jobs and the audit trail can be downloaded whole, with the filters of their lists, as CSV, Apache
Parquet or JSON Lines. `Ledger-Position` is the position that the export began at. An export that cannot be completed is
cut before its end. See [Export lists](../how-to/export-lists.md).

**as_of** asks for an earlier moment: a position of the log, or a time with its zone (RFC 3339). A time stands for the
last position whose effective time is not after it. The answer's `Ledger-As-Of` names the position. In a URL, write the
`+` of a zone as `%2B`, or use `Z`. Lists of assets and jobs and lookups by reference show what they would have shown
then, with all filters; a moment that has not come is 422. Their pages are of one moment, since the cursor carries the
position. See [See the catalogue as it was](../how-to/see-the-catalogue-as-it-was.md). `from` and `to` of a diff
are such moments too, or a revision: `revision:3`.

**Batches** take up to {items:,} items: a JSON list, or NDJSON, a line of JSON for each, sent as `Content-Type:
application/x-ndjson`. The answer is 200 and has a result for each item, in the order given, with the status it would
have had alone, and a summary. An item that fails fails alone. Assets and references that are good are recorded in one
append; operations on jobs are carried out one after the other. A batch that cannot be parsed is 422.

**The feed.** `GET /v1/events` answers with every event of the tenant in the order of positions, as CloudEvents 1.0. See
[Follow the feed](../how-to/follow-the-feed.md).

**Times** are answered in UTC with six digits of a second: `2026-11-20T15:04:05.000000Z`.

**References** are written `kind:id`, such as `message:m_91`; in a body also `{{"kind": "message", "id": "m_91"}}`. Ids
are any string of 1 to 512 characters. A kind is lower-case letters, digits and underscores, and starts with a letter.
Common kinds have short names: see [Reference kinds](#reference-kinds).

**Documents.** The free documents are `metadata` and `prompt_spec` of an asset, `prompt_spec` and `snapshot` of a job.
Each may have {document:,} bytes of JSON, counted without spaces (422). If the documents of an event have more than
{documents:,} bytes together, the largest are kept, encrypted, in the content store instead of in the event. The answer
to one asset or job has all documents whole. Lists, histories and the feed have a reference in the place of a kept
document, `{{"$document": {{"id": …, "sha256": …, "size": …}}}}`, with the digest and the size of its JSON. The answer
to one asset or job also has the reference if the document is lost, and the answer to a change if the store cannot be
reached; a read is 503 then. Documents of yours may not have a member `$document` (422), so that a reference is never
recorded as a document.

**Search in documents.** Lists, counts, changes, exports, zips and purges of assets find them by what they were made
from: `prompt` by words of `prompt_spec` and of the prompts that ComfyUI and AUTOMATIC1111 embed in files, `seed` and
`prompt_model` by what is called `seed` or `noise_seed`, and `model`, `ckpt_name` or `unet_name`, in either. A word is
what stands between spaces and punctuation; where a script writes without spaces, a phrase is one word. Exact members
of `metadata` are asked for by parameters of their own, up to 20 in a request, `metadata.shot=12`, or
`metadata.take.shot=12` for a member within another; `metadata=shot=12` is the same. Documents that are kept in the
store, and what was found in files but does not fit into the event, are not searched.

**Limits.** A body has at most {body:,} bytes (413), but at these routes more:

{larger}

It has at most {values:,} values, counted at every depth (422); a header has at most {headers} fields (431). A key has a
quarter, and a tenant half, of the resources that all callers share: connections, waiting requests, uploads, fetches.
Beyond a share the answer is 429 at once, and 503 if everything is in use; both have `Retry-After`. The key is checked
before a body is read. All bounds, and how long each step of a request may take:
[What callers may take](../explanation/what-callers-may-take.md).

## Errors

**502 `corrupt-entry`** says that the log is damaged at the position that the answer names: the stored bytes are not
those that were appended. Lists and other events stay readable. Repeating the request does not help.

Errors are problem details (RFC 9457, `application/problem+json`): `type`, `title`, `status`, `detail`, `request_id`,
and for an invalid request, `errors` with a field and a message each. Programs go by `type`; `detail` is for people."""

KINDS = """\
## Reference kinds

The short names below work in bodies and in filters; every other kind is written in `references` and `ref`. An origin
kind, given when the asset is recorded, says what made the asset and is permanent. Other references are links, which can
be removed. `scope` is the one reference an asset belongs to, and stays too. Why:
[decision 0009](../decisions/0009-origin-is-permanent-links-come-and-go.md). The references of a job
are permanent. The assets that it makes have them too, and also `job:ID`. So `job_id` finds a job and its assets by the
job's id or its `run`."""

OUTCOMES = """\
**What was recorded.** A success means that all of the request was recorded, a problem that nothing was. The one
exception is `outcome-unknown`: the connection to the database was lost during the commit, and the database stayed away
too long to find out. Then repeat the request if it is safe to repeat: a request with an `Idempotency-Key`, a request
for a job with the same input, a completion, a claim under its key, a link, a hold, a policy, a declaration, a purge, a
heartbeat. Otherwise read first: the asset or the job, and its events. A request without an answer is the same case."""
