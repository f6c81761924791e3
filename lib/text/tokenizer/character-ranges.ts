/**
 * Which characters the Rust library takes for what, asked of version 0.22.2, whose tables of Unicode are older than
 * Node's. test/text/make-characters.py wrote this file. Each range of code points is the gap before it and, behind a
 * point, its length when that is not 1, in base 36.
 */

/** What Punctuation and BertPreTokenizer cut off. */
export const punctuation =
  'x.f a.7 q.6 q.4 y 5 3 a.2 3 3 ji 8 cy.6 15.2 1f 1 2 2 18.2 k.2 1.2 d 2.2 22.4 2u 17.e 6h.3 1i.f v 79.2 a an lf 2i a.2 4o.f 1 11.4 1z 22.5 4.2 33.6 4r h0.9 47 h8.2 18.2 26.3 1z.2 4d.3 1.3 11.b 8p.2 60.2 3k.7 1.6 4s.7 4b.4 1n.5 1q.2 1s.8 b n0.o 8.k 1.d 1.c u.2 e.2 hl.4 t.2 u5.e 27.2 v.a b7.m 1r.4 w.2 l7.4 1.2 34 3z.1b 1.j ce.3 4.a 2.c g c 2q 2i mwy.2 7h.3 2r a 37.6 ak.4 2e.2 14.3 1 1d.2 1b 2p.d g.2 3g.4 3i.2 g.2 6x g2a.2 5s.a m.z 1.e 1 4 1.2 45.3 1.6 1.4 a.2 3.2 q.3 1 r 1 1.7 be.3 ik 1c bi kn 5j v 7k.9 12 34.7 1u.7 2h.4 x6.7 31.2 1.4 3i.4 1c.2 27.5 3 d 1.3 2g.6 2z f0 6y.n 2x.3 6w.3 2lt.5 dtl.2 3p 1t.5 8 g2i 5wn.5'

/** What BertNormalizer takes for an accent. */
export const nonspacingMarks =
  'lc.34 7n.5 7d.19 1 1.2 1.2 1 20.b 1c.l g 2t.7 2.6 2.2 1.4 z u.r 2j.b 1m.9 y.4 1.9 1.3 1.5 17.3 3r.w 1j 1 4.8 4 3.7 a.2 t 1m 4.4 8 k.2 t.2 1l 4.2 4.2 2.3 3 u.2 3 b.2 1l 4.5 1.2 4 k.2 t 1m 2 1.4 8 8 b.2 u 1p c 1e 1p.3 5.3 1.4 7.2 b.2 t 1m 2 6 5.2 k.2 t 1r.4 8 k.2 2u 7.3 1 2i 2.7 c.8 2q 2.6 1.2 b.6 22.2 r 1 1 1j.e 1.5 1.2 5.b 1.10 9 2u.4 1.6 1.2 2.2 p.2 4.3 g.4 d 2.2 6 f jj.3 qa.3 t.3 t.2 u.2 1s.2 1.7 8 2.b 9 19.3 4b 3a.3 4.2 9 6.3 63.2 2 1m 1.7 1 1 2.8 6.a 2 1c.e 1u.4 1c 1.5 1 5 14.9 c.2 w.4 2.2 1.3 1k 1.2 3 1.3 1m.8 2.2 48.3 1.d 1.7 4 6 3.2 5i.1i 6.4 k0.d 4 3.c 2da.3 3x 2o.w fe.4 2z.2 n9w 4.a w.2 28.2 7k 3 4 p.2 4d r.i 1g.8 p.b 1a.3 1c 2.4 2 14 1v.6 2.2 2.2 c 8 1b 1f 1.3 2.2 5.2 1 16.2 8 6m 2 4 fn4 kh.g g.g r1 6a 45.5 1ae.3 1.2 5.4 14.3 4 4l.2 10a 1i.f 1k.3 1d.4 2.2 1x.3 10.5 1.8 1q c.2 1g.9 b.3 2q.3 2 1.2 4n 3.8 l.2 1m 3 11.7 3.5 8u.6 1 4.2 1.2 6m.4 6.2 1.2 r.2 2d.8 2 1.2 2y 1 2.6 1 2t.3 2.4 1.5 gjo.5 1n.7 uw.4 f7u.2 43s.3 h.8 2.7 u.4 44.3 1iz.1j 4.1e 8 e m.5 1.f 2sg.7 gzl5.6o'

/** What StripAccents removes. */
export const combiningMarks =
  'lc.34 7n.7 7b.19 1 1.2 1.2 1 20.b 1c.l g 2t.7 2.6 2.2 1.4 z u.r 2j.b 1m.9 y.4 1.9 1.3 1.5 17.3 3c.e 1.x 1i.3 1.i 1.7 a.2 t.3 1k 1.7 2.2 2.3 9 a.2 t.3 1k 1.5 4.2 2.3 3 u.2 3 b.3 1k 1.8 1.3 1.3 k.2 t.3 1k 1.7 2.2 2.3 8.2 a.2 u 1n.5 3.3 1.4 9 14.4 1m.7 1.3 1.4 7.2 b.2 t.3 1k 1.7 1.3 1.4 7.2 b.2 t.3 1m.7 1.3 1.4 9 a.2 u.2 1y 4.6 1 1.8 i.2 1p 2.7 c.8 2q 2.6 1.2 b.6 22.2 r 1 1 4.2 1d.k 1.2 5.b 1.10 9 2s.k n.4 4.3 1.3 2.7 3.4 d.c 1 a.4 jj.3 qa.3 t.3 t.2 u.2 1s.w 9 19.3 3b.2 y 3a.c 4.c 63.5 1l.a 1.t 2 1c.f 1t.5 1b.h 12.9 c.3 u.d 1k.e 1c.k 48.3 1.l 4 4.3 3.2 5i.1i 5.5 k0.x 2da.3 3x 2o.w fe.6 2x.2 n9w.4 1.a w.2 28.2 7k 3 4 n.5 2g.2 1e.i q.i 1g.8 p.d 18.4 1b.e 10 1v.e c 8.2 19.3 1e 1.3 2.2 5.2 1 15.5 5.2 6k.8 1.2 fn4 kh.g g.g r1 6a 45.5 1ae.3 1.2 5.4 14.3 4 4l.2 109.3 1h.f 1k.4 19.b 1x.3 10.e 1q c.3 1c.e 9.3 2n.c 6 4g.c l.4 1k 1.7 2.2 2.3 9 a.2 2.7 3.5 5c.i 2x.k 6j.7 2.9 r.2 2a.h 2y.d 2t.f zn.8 1.8 2a.m 1.e fg9.5 1n.7 t6.1a g.4 f7u.2 43q.5 3.6 8.8 2.7 u.4 44.3 1iz.1j 4.1e 8 e m.5 1.f 11s.7 1.h 2.7 1.2 1.5 1ph.7 31.7 gzhx.6o'

/** What BertNormalizer cleans away. */
export const controls =
  '0.9 2.2 1.i 2n.x d 11u.6 m 5c 1d 3cu 1ks.5 q.5 1d.5 1.a 11u8.4xs 16n 6x.3 1 3b3 xya.4 43z.8 h406 u.2o 1egw.1eke 2.1eke'

/** What BertNormalizer puts spaces around. */
export const cjkIdeographs = 'a9s.534 1s.g74 hkw.e8 1fk0.wyo w.3ds 74.49c 85s.f4'

/** What Nmt removes. */
export const nmtRemoved = '1.8 2 2.i 2n f f'

/** What Nmt makes a space. */
export const nmtSpaces = '9.2 1.2 i 4f3 1vu.5 o.2 11z 16yl 71'
