//! The catalogue of refusals. Numbers are never reused.

macro_rules! catalogue {
    ($($(#[$doc:meta])* $code:ident = $number:literal, $what:literal, $next:literal;)*) => {
        /// A stable code for a refusal.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $code,)* }

        impl Code {
            /// Every code, in order of number.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// The number after `PL-`.
            #[must_use]
            pub fn number(self) -> u16 {
                match self { $(Self::$code => $number,)* }
            }

            /// What happened, in a few words.
            #[must_use]
            pub fn what(self) -> &'static str {
                match self { $(Self::$code => $what,)* }
            }

            /// What to do next, when nothing more is known about the case.
            #[must_use]
            pub fn next(self) -> &'static str {
                match self { $(Self::$code => $next,)* }
            }
        }
    };
}

catalogue! {
    // Who you are.
    /// No credential was sent.
    NoCredential = 1001, "no credential",
        "start an instance with `placet instance start AGENT` and send its token as `Authorization: Bearer`";
    /// The credential is not a token of this deployment.
    BadCredential = 1002, "credential not accepted",
        "start a new instance with `placet instance start AGENT`; tokens of other systems are never accepted";
    /// The credential has run out.
    ExpiredCredential = 1003, "credential expired",
        "start a new instance with `placet instance start AGENT`";
    /// The instance was revoked.
    RevokedInstance = 1004, "instance revoked",
        "stop this run and ask the agent's owner why it was revoked";
    /// The agent is not registered, or was switched off.
    UnknownAgent = 1005, "agent not registered",
        "register it with `placet agent register NAME --owner PERSON --purpose TEXT --tier N`";
    /// The credential was issued for another connector or deployment.
    WrongAudience = 1006, "credential is for another audience",
        "start an instance at this deployment and use the token it prints";
    /// The credential is bound to a key, or must be, and no proof of the key came with it.
    ProofRequired = 1007, "credential needs a proof",
        "send the token as `Authorization: DPoP` with a `DPoP` proof of its key (RFC 9449)";
    /// The proof does not fit the request, the token or its key, or was used before.
    ProofRejected = 1008, "proof not accepted",
        "make a new `DPoP` proof for exactly this request, token and key, by a clock that is right";
    /// The proof lacks the nonce that this deployment asks for.
    ProofNonce = 1009, "proof needs a nonce",
        "make the proof again with the `nonce` of the header `DPoP-Nonce`";

    // What you sent.
    /// The request cannot be read in exactly one way.
    Malformed = 1101, "request not accepted",
        "send one JSON-RPC 2.0 message in plain UTF-8 that every parser reads alike";
    /// A mirrored header does not agree with the body.
    HeaderMismatch = 1102, "header and body disagree",
        "send the MCP headers with the values of the body";
    /// The body is larger than the limit.
    TooLarge = 1103, "request too large",
        "send less at once, or ask the operator to raise `limits.body_bytes`";
    /// The body is compressed.
    Encoded = 1104, "compressed request",
        "send the body without `Content-Encoding`: what is judged must be what is sent";
    /// The method is unknown here.
    UnknownMethod = 1105, "unknown method",
        "use a method of MCP 2025-06-18, 2025-11-25 or 2026-07-28";
    /// `Host` or `Origin` is not one of ours.
    WrongOrigin = 1106, "host or origin not accepted",
        "use the configured address, or add the name to `gateway.hosts` or `gateway.origins`";
    /// There is no such connector.
    UnknownConnector = 1107, "unknown connector",
        "use `/mcp/<connector>` with a connector of the operator's `placet.toml`";
    /// The session does not exist, or is another instance's.
    UnknownSession = 1108, "unknown session",
        "send `initialize` again without a session id";

    // What policy said.
    /// No grant covers the call.
    NoGrant = 1201, "not permitted",
        "do not retry; use another tool, or ask the agent's owner for a grant";
    /// A veto forbids the call.
    Vetoed = 1202, "forbidden by policy",
        "do not retry this call unchanged; change the arguments the policy names or ask its owner";
    /// The call could not be judged.
    NotJudged = 1203, "could not be judged",
        "do not retry; tell the operator, who finds the cause in the receipt";
    /// The connector has no such tool.
    UnknownTool = 1204, "unknown tool",
        "call `tools/list` for the tools you may use";
    /// The tool's definition has changed since it was accepted.
    Quarantined = 1205, "tool in quarantine",
        "wait until the operator has looked at the change and run `placet connector accept`";
    /// The arguments do not fit the pinned schema.
    OutsideSchema = 1206, "arguments do not fit the tool",
        "send only what the tool's input schema names, with the types it names";
    /// A fact that policies need could not be looked up.
    NoFacts = 1207, "facts not available",
        "try again later; without the facts the call is not judged";
    /// Arguments that a policy requires are missing or empty.
    FieldsRequired = 1208, "required arguments are missing",
        "send the call again with the arguments that the policy names";

    // What the agent's registration said.
    /// The agent is read-only: its countdown has ended.
    ReadOnlyAgent = 1221, "agent is read-only",
        "use tools that read; the agent's owner certifies it with `placet agent certify NAME`";
    /// The agent was not registered for this tool.
    NotWanted = 1222, "not what the agent was registered for",
        "do not retry; ask the agent's owner to add the tool to its registration";
    /// The instance was started for something narrower.
    OutsideScope = 1223, "outside the instance's mandate",
        "do not retry; start an instance whose scope covers the call, if the task needs it";

    // Who asks about whom.
    /// The agent asks about somebody else without being an enforcement point.
    NotEnforcer = 1226, "not an enforcement point",
        "ask about yourself, or ask the operator to name your agent in `enforcers`";
    /// The subject of a question is nobody we know.
    UnknownSubject = 1227, "unknown subject",
        "ask about a person of the directory or a run of a registered agent";
    /// The question is about another kind of resource than the action.
    WrongResource = 1228, "action and resource do not fit",
        "ask about the kind of resource that the action is declared for";

    // What a person has stopped.
    /// An operator has stopped the instance, its agent, the connector, the tool, or everything.
    Halted = 1231, "stopped by a person",
        "stop this run and do not retry; it goes on when a person runs `placet resume`";

    // What limits said.
    /// A limit has no room for the call.
    LimitReached = 1241, "limit reached",
        "do not retry before the moment that the refusal names; `placet limits` shows what is used";

    // What grants for a time said.
    /// The grant by which the call ran has ended, or was taken back.
    GrantEnded = 1251, "grant ended",
        "do not retry; ask for another grant if the task still needs it";
    /// A grant would reach further than the tier's ceiling.
    GrantTooWide = 1252, "grant too wide",
        "ask for less, or for less time; the operator sets the ceiling in `[grants]`";

    // What people said.
    /// The call waits for a person.
    ApprovalRequired = 1301, "approval required",
        "wait, then send the identical call again; changed arguments need a new approval";
    /// A person refused.
    ApprovalDenied = 1302, "approval denied",
        "do not retry this call; take another way or ask the approver";
    /// The approval was used by another call.
    ApprovalUsed = 1303, "approval already used",
        "do not retry; an approval runs one call once";
    /// The agent has too many open questions.
    TooManyPending = 1304, "too many approvals waiting",
        "wait until some are answered";

    // What we could not do.
    /// The ledger cannot be written: no call.
    LedgerUnavailable = 1401, "receipt could not be written",
        "try again later; nothing was sent to the tool";
    /// The registry or approvals cannot be read.
    StoreUnavailable = 1402, "records not available",
        "try again later; nothing was sent to the tool";
    /// The gateway is shutting down.
    Draining = 1403, "shutting down",
        "try again in a few seconds";

    // What the tool did.
    /// The tool cannot be reached; nothing was sent.
    ToolUnreachable = 1501, "tool not reachable",
        "try again later or tell the operator";
    /// The call was sent and no answer is known.
    OutcomeUnknown = 1502, "outcome unknown",
        "do not retry blindly: the tool may have acted; look at its state first";
    /// Nobody is signed in at the upstream in Placet's name, or not any more.
    UpstreamSignIn = 1503, "not signed in at the tool",
        "tell the operator, who runs `placet connector login NAME`; then send the call again";
    /// The tool has answered, and a policy obliges to edit the answer in a way that is not possible.
    ResultWithheld = 1504, "result withheld",
        "do not retry: the tool has acted; use a tool with structured answers, or ask the agent's owner";
}
