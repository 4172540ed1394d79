using System.Buffers.Binary;

namespace Cassandra.Protocol;

/// <summary>The checksums of protocol v5's segments: CRC-24 of the header, CRC-32 of the payload (both as the specification's section 2 defines them).</summary>
internal static class Crc
{
    private static readonly uint[] Table = MakeTable();
    private static ReadOnlySpan<byte> Prefix => [0xFA, 0x2D, 0x55, 0xCA];

    /// <summary>CRC-24 (polynomial 0x1974f0b, initial value 0x875060) of the low <paramref name="length"/> bytes, least significant first.</summary>
    public static uint Crc24(ulong value, int length)
    {
        uint crc = 0x875060;
        for (var i = 0; i < length; i++, value >>= 8)
        {
            crc ^= (uint)(value & 0xFF) << 16;
            for (var bit = 0; bit < 8; bit++)
            {
                crc <<= 1;
                if ((crc & 0x1000000) != 0) crc ^= 0x1974F0B;
            }
        }
        return crc & 0xFFFFFF;
    }

    /// <summary>CRC-32 (IEEE) over four fixed bytes and the payload.</summary>
    public static uint Crc32(ReadOnlySpan<byte> payload) => ~Update(Update(uint.MaxValue, Prefix), payload);

    private static uint Update(uint crc, ReadOnlySpan<byte> data)
    {
        foreach (var b in data) crc = Table[(crc ^ b) & 0xFF] ^ (crc >> 8);
        return crc;
    }

    private static uint[] MakeTable()
    {
        var table = new uint[256];
        for (uint i = 0; i < 256; i++)
        {
            var c = i;
            for (var k = 0; k < 8; k++) c = (c & 1) != 0 ? 0xEDB88320 ^ (c >> 1) : c >> 1;
            table[i] = c;
        }
        return table;
    }

    public static void WriteUInt24(Span<byte> target, uint value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(target, (ushort)value);
        target[2] = (byte)(value >> 16);
    }

    public static uint ReadUInt24(ReadOnlySpan<byte> source) => BinaryPrimitives.ReadUInt16LittleEndian(source) | ((uint)source[2] << 16);
}
