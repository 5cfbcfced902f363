import { describe, expect, test } from 'vitest';
import { redact } from '../../src/secret/redaction.ts';
import { Secret } from '../../src/secret/secret.ts';
import { inlineSink } from '../../src/sinks/inline-sink.ts';
import type { PreparedWrite } from '../../src/sinks/sink.ts';

const ADDRESS = { groupId: '0123456789abcdef01234567' };

async function freeTarget(): Promise<PreparedWrite> {
  const preflight = await inlineSink('chat').preflight(ADDRESS, 'prove');
  if (!preflight.ok) throw new Error('The inline sink is always ready.');
  return preflight.value.write;
}

describe('the inline sink', () => {
  test('says what it is', () => {
    const { name, kind, location, takesEntry, verification } = inlineSink('chat');
    expect({ name, kind, location, takesEntry, verification }).toEqual({
      name: 'chat',
      kind: 'inline',
      location: 'tool result',
      takesEntry: false,
      verification: 'none',
    });
  });

  test('hands the value back with a warning, and nothing redacts it any more', async () => {
    const value = 'al-inline-canary-0001';
    const secret = new Secret(value);
    const target = await freeTarget();
    expect(redact(value)).toBe('[redacted]');

    const delivery = await target.deliver(secret);
    if (delivery.outcome !== 'written') throw new Error(delivery.message);
    expect(delivery.disclosed).toBe(value);
    expect(delivery.warnings).toHaveLength(1);
    expect(delivery.warnings[0]).toContain('replace the key');
    expect(redact(value)).toBe(value);
    expect(await target.verify(secret)).toMatchObject({ outcome: 'verified', verification: 'none' });
    expect(target.location).toBe('tool result');
  });

  test('lets no other secret through', async () => {
    const other = 'al-inline-canary-0002';
    expect(new Secret(other)).toBeDefined();
    await (await freeTarget()).deliver(new Secret('al-inline-canary-0003'));
    expect(redact(other)).toBe('[redacted]');
  });

  test('neither a preflight nor a dry run discloses a secret', async () => {
    const value = 'al-inline-canary-0004';
    expect(new Secret(value)).toBeDefined();
    await inlineSink('chat').preflight(ADDRESS, 'inspect');
    await (await freeTarget()).retract();
    expect(redact(value)).toBe('[redacted]');
  });

  test('replaces nothing, whatever key is replaced', async () => {
    const preflight = await inlineSink('chat').preflight(ADDRESS, 'prove', { maskedSecret: 'al-****odu2' });
    expect(preflight).toMatchObject({ ok: true, value: { write: { overwrites: 'nothing' } } });
  });

  test('cannot tell what it showed', async () => {
    expect(await inlineSink('chat').lookUp(ADDRESS)).toEqual({ held: 'unknown' });
  });

  test('a value that is taken back before it was shown is redacted again', async () => {
    const value = 'al-inline-canary-0005';
    const target = await freeTarget();
    await target.deliver(new Secret(value));
    await target.retract();
    expect(redact(value)).toBe('[redacted]');
  });
});
