import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { displayText } from '../../src/bytes/index.js';
import { applyModeChanges, EntryError, parseModeChanges } from '../../src/entry/index.js';
import { clientTest } from '../support/clients.js';
import { scratchDirectory } from '../support/scratch.js';
import { readTarHeaders } from '../support/tar-headers.js';

const oracle = clientTest('tar', 'sh');

const READABLE = [0o400, 0o444, 0o640, 0o644, 0o711, 0o755, 0o777, 0o1777, 0o2755, 0o4711, 0o6755, 0o7777];
/** GNU tar opens what it archives, and only root opens what has no permission. */
const MODES = process.getuid?.() === 0 ? [0, 0o1, 0o10, 0o100, 0o5020, ...READABLE] : READABLE;

/** Files `fMODE` and directories `dMODE` of every mode of MODES, and their names. */
function makeMembers(root: string): string[] {
  return MODES.flatMap((mode) => {
    const [file, directory] = [`f${mode.toString(8)}`, `d${mode.toString(8)}`];
    writeFileSync(`${root}/${file}`, '');
    mkdirSync(`${root}/${directory}`);
    chmodSync(`${root}/${file}`, mode);
    chmodSync(`${root}/${directory}`, mode);
    return [file, directory];
  });
}

/** GNU tar's --mode: the mode of each member, or undefined where it refuses the expression. */
function modesByTar(expression: string, members: readonly string[], cwd: string, umask = '0'): (number | undefined)[] {
  const command = `umask ${umask}; exec tar -cf - --format=gnu --no-recursion "$@"`;
  const { status, stdout } = spawnSync('sh', ['-c', command, 'sh', `--mode=${expression}`, ...members], {
    cwd,
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  });
  return status === 0 ? readTarHeaders(stdout).map(({ mode }) => mode) : members.map(() => undefined);
}

function modesByTarseal(expression: string, members: readonly string[]): (number | undefined)[] {
  return members.map((member) => {
    try {
      const mode = Number.parseInt(member.slice(1), 8);
      return applyModeChanges(parseModeChanges(expression), mode, member.startsWith('d'));
    } catch (error) {
      expect(error).toBeInstanceOf(EntryError);
      return undefined;
    }
  });
}

describe('parseModeChanges and applyModeChanges', () => {
  test.each([
    ['go+u,go-w', 0o600, false, 0o644],
    ['go+u,go-w', 0o700, true, 0o755],
    ['u+rwX,go-w', 0o466, false, 0o644],
    ['a+X', 0o644, false, 0o644],
    ['a+X', 0o654, false, 0o755],
    ['a+X', 0o600, true, 0o711],
    ['+w', 0o444, false, 0o666],
    ['755', 0o2700, true, 0o2755],
    ['00755', 0o2700, true, 0o755],
    ['755', 0o2700, false, 0o755],
    ['u=rwx', 0o4000, true, 0o4700],
    ['u=rwx', 0o4000, false, 0o700],
    ['=0755', 0o6000, true, 0o755],
  ])('%s', (expression, mode, isDirectory, expected) => {
    expect(applyModeChanges(parseModeChanges(expression), mode, isDirectory)).toBe(expected);
  });

  test.each([
    '',
    ',',
    'u',
    'u+x,',
    ',u+x',
    '8',
    '758',
    '+8',
    'u=0',
    'g=us',
    '+0+x',
    'z+r',
    'u+rq',
    'u+r ',
    '0o755',
    '7\n',
  ])('refuses %j', (text) => {
    expect(() => parseModeChanges(text)).toThrow(
      expect.objectContaining({
        code: 'MODE_INVALID',
        message: `Cannot use mode "${displayText(text)}": it must be octal, or changes such as u+rwX,go-w`,
      }),
    );
  });

  test.each(['10000', '+10000', 'u+x,=77777'])('refuses %s with the limit and the value', (text) => {
    const number = /[0-9]+$/.exec(text)![0];
    expect(() => parseModeChanges(text)).toThrow(
      `Cannot use mode "${text}": a number must be at most 7777, and is ${number}`,
    );
  });

  oracle('do what --mode of GNU tar does', () => {
    const root = scratchDirectory();
    const members = makeMembers(root);
    const expressions = [
      ...[
        '0',
        '7',
        '644',
        '0644',
        '00644',
        '0000644',
        '2755',
        '02755',
        '6000',
        '06000',
        '7777',
        '10000',
        '8',
        '78',
        '',
      ],
      ...['u+x', 'g-w', 'o=r', 'a=rwx', 'ugo=', 'u=', '=', '+', '-', '=r', '+w', '-x', '+X', '=X', 'a-X', 'u+X,g=x'],
      ...[
        'u+s',
        'g+s',
        'o+s',
        '+s',
        '-s',
        '=s',
        'u=s',
        'g=s',
        'a=s',
        'u-s',
        '+t',
        '-t',
        '=t',
        'u+t',
        'o+t',
        'a=t',
        'g=st',
      ],
      ...['g=u', 'u=g', 'o=u', 'go=u', 'u+g', 'g-o', '=u', '+u', '-o', 'u=u', 'a=g', 'o+g-u', 'u=o+x', 'g=us', 'g=ur'],
      ...['+0644', '-0022', '=0755', '=0', '+06000', '-06000', '=02755', 'u=0', '+0+0', '+x+0', '+x-0111', '=rx,+6000'],
      ...[
        'u+rwX,go-w',
        'go+u,go-w',
        'u=rwx,g=rx,o=',
        'u+w+r-x=X',
        'ug+rw,o-rwx',
        'u+x,',
        ',u+x',
        'u',
        'x',
        'u+x,g',
        'a,b',
      ],
    ];
    for (const expression of expressions) {
      expect([expression, modesByTarseal(expression, members)]).toEqual([
        expression,
        modesByTar(expression, members, root),
      ]);
    }
  });

  oracle('do what --mode of GNU tar does, for random expressions', () => {
    const root = scratchDirectory();
    const members = makeMembers(root);
    const letters = (set: string, maxLength: number) =>
      fc.array(fc.constantFrom(...set), { maxLength }).map((chosen) => chosen.join(''));
    const value = fc.oneof(
      { weight: 6, arbitrary: letters('rwxXst', 4) },
      { weight: 3, arbitrary: fc.constantFrom('u', 'g', 'o') },
      { weight: 1, arbitrary: letters('01234567', 5) },
    );
    const operation = fc.tuple(fc.constantFrom('+', '-', '='), value).map((parts) => parts.join(''));
    const clause = fc
      .tuple(letters('ugoa', 2), fc.array(operation, { minLength: 1, maxLength: 3 }))
      .map(([who, operations]) => who + operations.join(''));
    const symbolic = fc.array(clause, { minLength: 1, maxLength: 3 }).map((clauses) => clauses.join(','));
    const soup = letters('ugoarwxXst+-=,0178', 6);
    fc.assert(
      fc.property(fc.oneof({ weight: 8, arbitrary: symbolic }, soup, letters('01234567', 6)), (expression) => {
        expect(modesByTarseal(expression, members)).toEqual(modesByTar(expression, members, root));
      }),
      { numRuns: 400 },
    );
  });

  oracle('act without u, g, o or a on all bits, from which GNU tar leaves out those of the umask', () => {
    const root = scratchDirectory();
    const members = makeMembers(root);
    expect(modesByTarseal('+w', ['f444'])).toEqual([0o666]);
    expect(modesByTar('+w', ['f444'], root, '022')).toEqual([0o644]);
    expect(modesByTarseal('a+w', members)).toEqual(modesByTar('a+w', members, root, '022'));
  });
});
