// The one table of the kinds of sinks, with their descriptions for people. The names of the kinds, `--help`, the JSON Schema of the
// configuration, the result schema and the tables of the README and docs/sinks.md come from it. What an operator may say
// of each is in sink-spec.ts; what opens each is in sinks/kinds.ts.

interface KindWords {
  /** How it is written after `NAME=`. */
  readonly uri: string;
  /** What it delivers to, in a few words of plain text. */
  readonly brief: string;
  /** The same in detail, in Markdown. */
  readonly delivers: string;
  /** What verifies a delivery, in Markdown. */
  readonly verifiedBy: string;
}

export const sinkKinds = {
  file: {
    uri: 'file:PATH',
    brief: 'a new file that holds exactly the secret',
    delivers:
      "a new file with exactly the secret's bytes, never overwritten; its mode is 0600 where the system has modes",
    verifiedBy: 'reading back',
  },
  dotenv: {
    uri: 'dotenv:PATH#VARIABLE',
    brief: 'one variable of a .env file; all else is kept byte for byte',
    delivers:
      'one variable (default `VOYAGE_API_KEY`) of a `.env`, all else kept byte for byte; where the system has modes, the file gets 0600, or 0640 where it was made for a group or has an access control list',
    verifiedBy: 'reading back, by the rules of each reader',
  },
  command: {
    uri: 'command:["program","argument",…]',
    brief: 'the standard input of a program, such as a password manager',
    delivers: "the program's standard input; no shell; exit code 0 is success",
    verifiedBy: 'the `verify` command; by metadata with `exists` only; else nothing',
  },
  vault: {
    uri: 'vault:MOUNT/PATH#FIELD',
    brief: 'Vault or OpenBao (KV 2)',
    delivers: 'one field of a secret in Vault or OpenBao (KV version 2), by check-and-set; other fields are kept',
    verifiedBy: 'reading back, or metadata where the policy cannot read',
  },
  k8s: {
    uri: 'k8s:NAMESPACE/NAME#KEY',
    brief: 'a Secret of Kubernetes',
    delivers: 'one key of a Secret of Kubernetes, only on the version that was seen; other keys are kept',
    verifiedBy: 'reading back',
  },
  'aws-sm': {
    uri: 'aws-sm:NAME[#JSONKEY]',
    brief: 'AWS Secrets Manager',
    delivers:
      'a secret of AWS Secrets Manager, or one member of its JSON; the current version moves only from the one seen',
    verifiedBy: 'reading back, or metadata where the policy cannot read',
  },
  'aws-ssm': {
    uri: 'aws-ssm:/PATH',
    brief: "AWS's parameter store",
    delivers: "a SecureString of AWS Systems Manager's parameter store",
    verifiedBy: 'reading back, or metadata where the policy cannot read',
  },
  github: {
    uri: 'github:OWNER/REPO#NAME',
    brief: 'GitHub Actions',
    delivers:
      'a secret of GitHub Actions: of a repository, of an environment (`?environment=E` before the `#`), or of an organization (`OWNER/*`)',
    verifiedBy: 'metadata, since GitHub shows nobody a value',
  },
  inline: {
    uri: 'inline',
    brief: "the tool's result, so the model sees it; only with --allow-inline-secret",
    delivers: "the tool's result, so the model sees it; only with `--allow-inline-secret`",
    verifiedBy: 'nothing',
  },
  reveal: {
    uri: 'reveal',
    brief: 'a page in the browser of the person at this machine, once',
    delivers:
      'a page on 127.0.0.1 in the browser of the person at this machine, once; without "I have stored it" the key is deleted again',
    verifiedBy: 'the person',
  },
} as const satisfies Readonly<Record<string, KindWords>>;

export type SinkKind = keyof typeof sinkKinds;

/** Such as `file:PATH, dotenv:PATH#VARIABLE`, in the order of the table. */
export const sinkUris = Object.values(sinkKinds)
  .map(({ uri }) => uri)
  .join(', ');
