/** A published SHA-256 value: the message in parts, each hexadecimal digits repeated, and its digest. */
export interface Vector {
  readonly name: string;
  readonly message: readonly (readonly [hex: string, times: number])[];
  readonly digest: string;
}

function ascii(text: string): string {
  return Array.from(text, (char) => char.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}

/** FIPS 180-2 appendix B, and the additional test vectors that NIST published beside it. */
const FIPS_180: readonly Vector[] = [
  {
    name: 'FIPS 180 "abc"',
    message: [[ascii('abc'), 1]],
    digest: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  },
  {
    name: 'FIPS 180, 448 bits',
    message: [[ascii('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'), 1]],
    digest: '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  },
  {
    name: 'FIPS 180, 896 bits',
    message: [
      [
        ascii(
          'abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu',
        ),
        1,
      ],
    ],
    digest: 'cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1',
  },
  {
    name: 'FIPS 180, a million "a"',
    message: [[ascii('a'), 1_000_000]],
    digest: 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
  },
  {
    name: 'NIST, 1 byte',
    message: [['bd', 1]],
    digest: '68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b',
  },
  {
    name: 'NIST, 4 bytes',
    message: [['c98c8e55', 1]],
    digest: '7abc22c0ae5af26ce93dbb94433a0e0b2e119d014f8e7f65bd56c61ccccd9504',
  },
  {
    name: 'NIST, 55 zero bytes',
    message: [['00', 55]],
    digest: '02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7',
  },
  {
    name: 'NIST, 56 zero bytes',
    message: [['00', 56]],
    digest: 'd4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb',
  },
  {
    name: 'NIST, 57 zero bytes',
    message: [['00', 57]],
    digest: '65a16cb7861335d5ace3c60718b5052e44660726da4cd13bb745381b235a1785',
  },
  {
    name: 'NIST, 64 zero bytes',
    message: [['00', 64]],
    digest: 'f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b',
  },
  {
    name: 'NIST, 1000 zero bytes',
    message: [['00', 1000]],
    digest: '541b3e9daa09b20bf85fa273e5cbd3e80185aa4ec298e765db87742b70138a53',
  },
  {
    name: 'NIST, 1000 bytes 0x41',
    message: [['41', 1000]],
    digest: 'c2e686823489ced2017f6059b8b239318b6364f6dcd835d0a519105a1eadd6e4',
  },
  {
    name: 'NIST, 1005 bytes 0x55',
    message: [['55', 1005]],
    digest: 'f4d62ddec0f3dd90ea1380fa16a5ff8dc4c54b21740650f24afc4120903552b0',
  },
  {
    name: 'NIST, a million zero bytes',
    message: [['00', 1_000_000]],
    digest: 'd29751f2649b32ff572b5e0a9f541ea660a50f94ff0beedfb0b692b924cc8025',
  },
  {
    // The length in bits is 2^32: an engine that counts in 32 bits fails here.
    name: 'NIST, 2^29 bytes 0x5a',
    message: [['5a', 0x20000000]],
    digest: '15a1868c12cc53951e182344277447cd0979536badcc512ad24c67e9b2d4f3dd',
  },
];

/** NIST CAVP, SHA256ShortMsg.rsp and SHA256LongMsg.rsp of shabytetestvectors.zip. */
const CAVP: readonly Vector[] = (
  [
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['d3', '28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1'],
    ['11af', '5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98'],
    ['b4190e', 'dff2e73091f6c05e528896c4c831b9448653dc2ff043528f6769437bc7b975c2'],
    ['74ba2521', 'b16aa56be3880d18cd41e68384cf1ec8c17680c45a02b1575dc1518923ae8b0e'],
    ['c299209682', 'f0887fe961c9cd3beab957e8222494abb969b1ce4c6557976df8b0f6d20e9166'],
    [
      'e2f76e97606a872e317439f1a03fcd92e632e5bd4e7cbc4e97f1afc19a16fde92d77cbe546416b51640cddb92af996534dfd81edb17c4424cf1ac4d75aceeb',
      '18041bd4665083001fba8c5411d2d748e8abbfdcdfd9218cb02b68a78e7d4c23',
    ],
    [
      '5a86b737eaea8ee976a0a24da63e7ed7eefad18a101c1211e2b3650c5187c2a8a650547208251f6d4237e661c7bf4c77f335390394c37fa1a9f9be836ac28509',
      '42e61e174fbb3897d6dd6cef3dd2802fe67b331953b06114a65c772859dfc1aa',
    ],
    [
      '451101250ec6f26652249d59dc974b7361d571a8101cdfd36aba3b5854d3ae086b5fdd4597721b66e3c0dc5d8c606d9657d0e323283a5217d1f53f2f284f57b85c8a61ac8924711f895c5ed90ef17745ed2d728abd22a5f7a13479a462d71b56c19a74a40b655c58edfe0a188ad2cf46cbf30524f65d423c837dd1ff2bf462ac4198007345bb44dbb7b1c861298cdf61982a833afc728fae1eda2f87aa2c9480858bec',
      '3c593aa539fdcdae516cdf2f15000f6634185c88f505b39775fb9ab137a10aa2',
    ],
  ] as const
).map(([hex, digest]) => ({ name: `CAVP, ${hex.length * 4} bits`, message: [[hex, 1]], digest }));

export const VECTORS: readonly Vector[] = [...FIPS_180, ...CAVP];

/** NIST CAVP, SHA256Monte.rsp, COUNT = 0: a thousand hashes, each of the three before it. */
export const MONTE_CARLO = {
  seed: '6d1e72ad03ddeb5de891e572e2396f8da015d899ef0e79503152d6010a3fe691',
  digest: 'e93c330ae5447738c8aa85d71a6c80f2a58381d05872d26bdd39f1fcd4f2b788',
} as const;
