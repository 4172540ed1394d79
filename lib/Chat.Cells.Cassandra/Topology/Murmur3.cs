using System.Buffers.Binary;

namespace Cassandra;

/// <summary>
/// Cassandra's Murmur3Partitioner: MurmurHash3 x64 128, first half, with signed tail bytes as Cassandra has always computed it; the smallest value becomes the largest.
/// </summary>
internal static class Murmur3
{
    private const ulong C1 = 0x87c37b91114253d5;
    private const ulong C2 = 0x4cf5ad432745937f;

    public static long Token(ReadOnlySpan<byte> key)
    {
        var hash = Hash(key);
        return hash == long.MinValue ? long.MaxValue : hash;
    }

    private static long Hash(ReadOnlySpan<byte> data)
    {
        ulong h1 = 0;
        ulong h2 = 0;
        var rest = data;
        while (rest.Length >= 16)
        {
            var k1 = BinaryPrimitives.ReadUInt64LittleEndian(rest);
            var k2 = BinaryPrimitives.ReadUInt64LittleEndian(rest[8..]);
            h1 = (ulong.RotateLeft(h1 ^ Mix1(k1), 27) + h2) * 5 + 0x52dce729;
            h2 = (ulong.RotateLeft(h2 ^ Mix2(k2), 31) + h1) * 5 + 0x38495ab5;
            rest = rest[16..];
        }
        ulong t1 = 0;
        ulong t2 = 0;
        for (var i = rest.Length - 1; i >= 8; i--) t2 ^= (ulong)(sbyte)rest[i] << ((i - 8) * 8);
        for (var i = Math.Min(rest.Length, 8) - 1; i >= 0; i--) t1 ^= (ulong)(sbyte)rest[i] << (i * 8);
        if (rest.Length > 8) h2 ^= Mix2(t2);
        if (rest.Length > 0) h1 ^= Mix1(t1);
        h1 ^= (ulong)data.Length;
        h2 ^= (ulong)data.Length;
        h1 += h2;
        h2 += h1;
        h1 = Finish(h1);
        h2 = Finish(h2);
        return (long)(h1 + h2);
    }

    private static ulong Mix1(ulong k) => ulong.RotateLeft(k * C1, 31) * C2;

    private static ulong Mix2(ulong k) => ulong.RotateLeft(k * C2, 33) * C1;

    private static ulong Finish(ulong h)
    {
        h = (h ^ (h >> 33)) * 0xff51afd7ed558ccd;
        h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53;
        return h ^ (h >> 33);
    }
}
