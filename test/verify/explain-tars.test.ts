import { describe, expect } from 'vitest';
import { clientTest } from '../support/clients.js';
import { bash, diffOf, explanationOf } from '../support/compared.js';
import { scratchDirectory } from '../support/scratch.js';

interface Case {
  readonly name: string;
  /** Makes a.tar and b.tar: `t` is a tree, `$D` the options that make GNU tar deterministic. */
  readonly script: string;
  /** Codes of all causes, in their order. */
  readonly causes: readonly string[];
  /** What the first of them says. */
  readonly says: RegExp;
  readonly certainty?: 'certain' | 'probable';
  /** Programs besides GNU tar and Python. */
  readonly clients?: readonly string[];
}

const TREE = `
umask 022
mkdir -p t/d/e; echo alpha > t/a; echo beta > t/b; echo gamma > t/d/c; echo delta > t/d/e/f; ln -s ../a t/d/link
printf '%70000s' x > t/large; chmod 755 t/b
touch -h -d @1600000000 t/a t/b t/large t/d/e/f t/d/c t/d/link; touch -d @1600000300 t/d/c t/d/e t/d t
D='--sort=name --mtime=@1 --owner=root:0 --group=root:0 --format=ustar --numeric-owner'
FILE_TIMES=\${D/--mtime=@1/}; NAMES=\${D/--numeric-owner/}; GNU=\${D/ustar/gnu}; V7=\${D/ustar/v7}; PAX=\${D/ustar/posix}
`;

/** A program of Python that writes one archive, with members that GNU tar would not. */
const python = (path: string, lines: string): string => `
python3 -I - <<'END'
import tarfile, io
with tarfile.open('${path}', 'w', format=tarfile.PAX_FORMAT) as tar:
    def add(name, content=b'', **fields):
        member = tarfile.TarInfo(name)
        member.size = len(content)
        for key, value in fields.items():
            setattr(member, key, value)
        tar.addfile(member, io.BytesIO(content))
${lines
  .split('\n')
  .map((line) => `    ${line}`)
  .join('\n')}
END
`;

const CASES: readonly Case[] = [
  {
    name: 'the time of a build and a constant',
    script: 'tar $D -cf a.tar t; tar $D --mtime=@1700000000 -cf b.tar t',
    causes: ['TIME'],
    says: /^mtime of 9 members: A has the constant @1 \(1970-01-01T00:00:01Z\); B has @1700000000 \(2023-11-14T22:13:20Z\)$/,
  },
  {
    name: 'times of files as they were written, and a constant',
    script: 'tar $D -cf a.tar t; tar $FILE_TIMES -cf b.tar t',
    causes: ['TIME'],
    says: /; B has times within 300 s, as one build writes files, from @1600000000 \(2020-09-13T12:26:40Z\) to @1600000300 /,
    certainty: 'probable',
  },
  {
    name: 'times of another time zone',
    script: `D=$FILE_TIMES; tar $D -cf a.tar t
      find t -print0 | while IFS= read -rd '' f; do touch -h -d "@$(( $(stat -c %Y "$f") + 3600 ))" "$f"; done; tar $D -cf b.tar t`,
    causes: ['TIME'],
    says: /^mtime of 9 members is 3600 s later in B: times of another time zone$/,
    certainty: 'probable',
  },
  {
    name: 'times that were clamped',
    script: 'tar $FILE_TIMES -cf a.tar t; tar $D --clamp-mtime --mtime=@1600000100 -cf b.tar t',
    causes: ['TIME'],
    says: /^mtime of 4 members is @1600000100 .* B has its times clamped$/,
    certainty: 'probable',
  },
  {
    name: 'fractions of seconds, and times of reading and of change, as pax has them',
    script: `touch -d @1600000000.25 t/a; D=\${PAX/--mtime=@1/}
      tar $D -cf a.tar t/a; tar $D --pax-option=delete=atime,delete=ctime,delete=mtime -cf b.tar t/a`,
    causes: ['TIME', 'PAX_RECORDS', 'PAX_RECORDS'],
    says: /^mtime of 1 member has a fraction of a second in A that the other has not/,
  },
  {
    name: 'the user who built it',
    script: 'tar $D -cf a.tar t; tar $D --owner=alice:1000 --group=users:100 -cf b.tar t',
    causes: ['OWNER'],
    says: /^owner of 9 members is in B the user who made it, 1000:100, and 0:0 in A$/,
    certainty: 'probable',
  },
  {
    name: 'names of owners',
    script: 'tar $D -cf a.tar t; tar $NAMES -cf b.tar t',
    causes: ['OWNER'],
    says: /^names of owners of 9 members are in B, and only their numbers in A$/,
  },
  {
    name: 'umask',
    script: 'tar $D -cf a.tar t; chmod -R g+w t; tar $D -cf b.tar t',
    causes: ['MODE'],
    says: /^mode of 8 members lacks bits of 0020 in A that are in B: files were made with another umask$/,
    certainty: 'probable',
  },
  {
    name: 'set-user-ID',
    script: 'chmod u+s t/b; tar $D -cf a.tar t; chmod u-s t/b; tar $D -cf b.tar t',
    causes: ['MODE'],
    says: /set-user-ID/,
    certainty: 'probable',
  },
  {
    name: 'other permissions',
    script: 'tar $D -cf a.tar t; chmod 600 t/b; chmod 777 t/a; tar $D -cf b.tar t',
    causes: ['MODE'],
    says: /^mode of 2 members differs in bits of 0177$/,
  },
  {
    name: 'order of the file system',
    script: `tar $D -cf a.tar t
      printf '%s\\n' t t/large t/d t/d/link t/d/e t/d/e/f t/d/c t/b t/a | tar $D --no-recursion -T - -cf b.tar`,
    causes: ['ORDER'],
    says: /^order of members: A is sorted by name, directory by directory; B is readdir order/,
    certainty: 'probable',
  },
  {
    name: 'order of whole names',
    script: `touch t/d.x; tar $D -cf a.tar t; find t | sort | tar $D --no-recursion -T - -cf b.tar`,
    causes: ['ORDER'],
    says: /^order of members: A is sorted by name, directory by directory; B is sorted by the bytes of whole names$/,
  },
  {
    name: 'order of a locale',
    script: `touch t/B t/C; tar $D -cf a.tar t
      printf '%s\\n' t t/a t/b t/B t/C t/d t/d/c t/d/e t/d/e/f t/d/link t/large | tar $D --no-recursion -T - -cf b.tar`,
    causes: ['ORDER'],
    says: /B is sorted as a locale does, regardless of case and punctuation$/,
    certainty: 'probable',
  },
  {
    name: 'hard link and copy',
    script: 'ln t/a t/h; tar $D -cf a.tar t; tar $D --hard-dereference -cf b.tar t',
    causes: ['HARD_LINK'],
    says: /^hard link in A, copy in B: 1 member, of which all have the content of what the link leads to$/,
  },
  {
    name: 'which of two names is the link',
    script: `ln t/a t/h; printf 't/a\\nt/h\\n' | tar $D -T - -cf a.tar; printf 't/h\\nt/a\\n' | tar $D -T - -cf b.tar`,
    causes: ['HARD_LINK', 'ORDER'],
    says: /the file is what comes first$/,
    certainty: 'probable',
  },
  {
    name: 'symlinks that were followed',
    script: 'tar $D -cf a.tar t; tar $D -h --hard-dereference -cf b.tar t',
    causes: ['TYPE', 'MODE'],
    says: /^type of 1 member differs: one side has symlinks/,
  },
  {
    name: 'target of a symlink',
    script: 'tar $D -cf a.tar t; ln -sf ../b t/d/link; tar $D -cf b.tar t',
    causes: ['SYMLINK'],
    says: /^target of 1 symlink differs$/,
  },
  {
    name: 'a dot before names',
    script: `cd t; tar $D --no-recursion -cf ../a.tar ./a ./d ./d/c; tar $D --no-recursion -cf ../b.tar a d d/c`,
    causes: ['NAME_FORM'],
    says: /^names of 3 members: with "\.\/" before them in A$/,
  },
  {
    name: 'a slash before names',
    script: `tar $D -P --transform 's,^,/,S' -cf a.tar t; tar $D -cf b.tar t`,
    causes: ['NAME_FORM'],
    says: /with "\/" before them in A$/,
  },
  {
    name: 'composed and decomposed characters',
    script: `mkdir x y; echo 1 > "x/$(printf 'caf\\xc3\\xa9')"; echo 1 > "y/$(printf 'cafe\\xcc\\x81')"
      tar $D -C y -cf a.tar "$(ls y)"; tar $D -C x -cf b.tar "$(ls x)"`,
    causes: ['NAME_ENCODING'],
    says: /decomposed characters \(NFD\) in A/,
  },
  {
    name: 'Latin-1 and UTF-8',
    script: `mkdir x y; echo 1 > "x/$(printf 'caf\\xe9')"; echo 1 > "y/$(printf 'caf\\xc3\\xa9')"
      tar $D -C x -cf a.tar "$(ls x)"; tar $D -C y -cf b.tar "$(ls y)"`,
    causes: ['NAME_ENCODING'],
    says: /Latin-1 in A and as UTF-8/,
  },
  {
    name: 'formats of GNU tar',
    script: 'tar $D -cf a.tar t; tar $GNU -cf b.tar t',
    causes: ['FORMAT'],
    says: /^format of the headers of 9 members differs$/,
  },
  {
    name: 'v7',
    script: 'tar $D -cf a.tar t; tar $V7 -cf b.tar t',
    causes: ['FORMAT'],
    says: /^format of the headers of 9 members differs$/,
  },
  {
    name: 'long names in gnu and in pax',
    script: `n=t/$(printf 'n%.0s' {1..120}); touch $n; tar $GNU -cf a.tar $n
      tar $PAX --pax-option=delete=atime,delete=ctime -cf b.tar $n`,
    causes: ['FORMAT'],
    says: /^format of the headers of 1 member differs$/,
  },
  {
    name: 'process IDs in the names of pax headers',
    script: `D="\${PAX/--mtime=@1/} --pax-option=delete=atime,delete=ctime,exthdr.name=%d/PaxHeaders.%p/%f"
      touch -d @1600000000.5 t/a; tar $D -cf a.tar t/a; tar $D -cf b.tar t/a`,
    causes: ['HEADER'],
    says: /^headers of 1 member say the same in other bytes: pax header name$/,
  },
  {
    name: 'the same headers by Python',
    script: `tar $D --no-recursion -cf a.tar t/a t/d
      ${python('b.tar', "tar.add('t/a'); tar.add('t/d', recursive=False)").replace('PAX_FORMAT', 'USTAR_FORMAT')}
      python3 -I - <<'END'
import tarfile
with tarfile.open('a.tar') as a, tarfile.open('b.tar', 'w', format=tarfile.USTAR_FORMAT) as b:
    for m in a:
        b.addfile(m, a.extractfile(m) if m.isreg() else None)
END`,
    causes: ['HEADER'],
    says: /say the same in other bytes: .*devm/,
  },
  {
    name: 'the same headers by bsdtar',
    script: `tar $D --no-recursion -cf a.tar t/a t/d; bsdtar --format ustar -cf b.tar @a.tar`,
    causes: ['HEADER', 'END'],
    says: /say the same in other bytes/,
    clients: ['bsdtar'],
  },
  {
    name: 'holes',
    script: 'truncate -s 1M t/a; echo end >> t/a; D=$GNU; tar $D -cf a.tar t; tar $D -S -cf b.tar t',
    causes: ['SPARSE'],
    says: /^1 file with holes/,
  },
  {
    name: 'records',
    script: 'tar $D -cf a.tar t; tar $D -b 1 -cf b.tar t',
    causes: ['END'],
    says: /^what follows the members differs: A is filled up to records of 10240 bytes/,
  },
  {
    name: 'what follows the end',
    script: 'tar $D -cf a.tar t; cp a.tar b.tar; echo more >> b.tar',
    causes: ['END'],
    says: /^what follows the members differs$/,
  },
  {
    name: 'an archive that is cut',
    script: 'tar $D -cf a.tar t; head -c 75000 a.tar > b.tar',
    causes: ['UNREADABLE', 'MEMBERS'],
    says: /^B cannot be read to its end/,
  },
  {
    name: 'members that stand twice',
    script: 'tar $D -cf a.tar t; cp a.tar b.tar; tar $D -rf b.tar t/a',
    causes: ['MEMBERS', 'DUPLICATES'],
    says: /^1 member only in B$/,
  },
  {
    name: 'entries of parents',
    script: 'tar $D --no-recursion -cf a.tar t t/d t/d/c; tar $D --no-recursion -cf b.tar t/d/c',
    causes: ['PARENTS'],
    says: /^2 directories above other members only in A/,
  },
  {
    name: 'members of one side',
    script: 'tar $D -cf a.tar t; rm t/b; tar $D -cf b.tar t',
    causes: ['MEMBERS'],
    says: /^1 member only in A$/,
  },
  {
    name: 'a file that was renamed',
    script: 'tar $D -cf a.tar t; mv t/b t/bb; tar $D -cf b.tar t',
    causes: ['RENAMED'],
    says: /^1 file with the same content under another name$/,
    certainty: 'probable',
  },
  {
    name: 'contents',
    script: `tar $D -cf a.tar t; printf y | dd of=t/large bs=1 seek=40000 conv=notrunc status=none; tar $D -cf b.tar t`,
    causes: ['CONTENT'],
    says: /^content of 1 file differs$/,
  },
  {
    name: 'times in compressed files',
    script: `touch -d @1600000000 t/a; gzip -k t/a; tar $D -cf a.tar t/a.gz; touch -d @1600000777 t/a; gzip -kf t/a; tar $D -cf b.tar t/a.gz`,
    causes: ['CONTENT_TIME'],
    says: /^content of 1 file differs first in the time in a gzip header$/,
    certainty: 'probable',
  },
  {
    name: 'times in compiled Python',
    script: `echo 'x = 1' > t/m.py; made=; for i in a b; do touch -d "@$((1600000000 + \${#made})).0" t/m.py; made=more
      python3 -I -c 'import py_compile; py_compile.compile("t/m.py", "t/m.pyc", invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)'
      tar $D -cf $i.tar t/m.pyc; done`,
    causes: ['CONTENT_TIME'],
    says: /the time of its source in compiled Python$/,
    certainty: 'probable',
  },
  {
    name: 'extended attributes',
    script:
      python('a.tar', "add('f', b'x', pax_headers={'SCHILY.xattr.user.note': 'one'})") +
      python('b.tar', "add('f', b'x')"),
    causes: ['PAX_RECORDS'],
    says: /^pax record SCHILY\.xattr\.user\.note of 1 member is only in A: an extended attribute$/,
  },
  {
    name: 'device numbers',
    script: ['5', '6']
      .map((minor, index) =>
        python(`${'ab'[index]}.tar`, `add('tty', type=tarfile.CHRTYPE, devmajor=4, devminor=${minor})`),
      )
      .join(''),
    causes: ['DEVICE'],
    says: /^device numbers of 1 member/,
  },
  {
    name: 'commits in archives of git',
    script: `cd t; git init -q; git config user.name n; git config user.email e; git add a; export GIT_COMMITTER_DATE='@1600000000 +0000'
      git commit -qm 1; git archive -o ../a.tar HEAD; git commit -qm 2 --allow-empty; git archive -o ../b.tar HEAD`,
    causes: ['PAX_RECORDS'],
    says: /git puts the commit of an archive there$/,
    clients: ['git'],
  },
];

describe('tars of other programs', () => {
  for (const { name, script, causes, says, certainty = 'certain', clients = [] } of CASES) {
    clientTest(
      'tar',
      'python3',
      ...clients,
    )(name, async () => {
      const directory = scratchDirectory();
      bash(TREE + script, directory);
      const { causes: found, isEqual } = await explanationOf(directory, 'a.tar', 'b.tar');
      expect(found.map(({ code }) => code)).toEqual(causes);
      expect(found[0]!.message).toMatch(says);
      expect(found[0]!.certainty).toBe(certainty);
      expect(isEqual).toBe(false);
      // The other way round the same differs.
      const { counts } = await diffOf(directory, 'b.tar', 'a.tar');
      const forward = await diffOf(directory, 'a.tar', 'b.tar');
      const sum = (list: typeof counts): number => list.reduce((total, { count }) => total + count, 0);
      expect(sum(counts)).toBe(sum(forward.counts));
      expect((await diffOf(directory, 'a.tar', 'a.tar')).isEqual).toBe(true);
    });
  }
});
