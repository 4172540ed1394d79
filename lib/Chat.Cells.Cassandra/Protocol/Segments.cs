using System.Buffers.Binary;

namespace Cassandra.Protocol;

/// <summary>
/// Protocol v5's outer framing, uncompressed: [17 bits length, 1 bit self-contained, 6 bits padding, CRC-24] payload [CRC-32]. A frame larger than a segment is cut
/// into several that aren't self-contained.
/// </summary>
internal static class Segments
{
    public const int HeaderLength = 6;
    public const int TrailerLength = 4;
    public const int MaxPayload = 128 * 1024 - 1;

    /// <summary>The segments that carry one frame.</summary>
    public static byte[] Wrap(ReadOnlySpan<byte> frame)
    {
        var count = Math.Max(1, (frame.Length + MaxPayload - 1) / MaxPayload);
        var output = new byte[frame.Length + count * (HeaderLength + TrailerLength)];
        var target = output.AsSpan();
        do
        {
            var payload = frame[..Math.Min(frame.Length, MaxPayload)];
            frame = frame[payload.Length..];
            var header = (uint)payload.Length | (count == 1 ? 1u << 17 : 0);
            Crc.WriteUInt24(target, header);
            Crc.WriteUInt24(target[3..], Crc.Crc24(header, 3));
            payload.CopyTo(target[HeaderLength..]);
            BinaryPrimitives.WriteUInt32LittleEndian(target[(HeaderLength + payload.Length)..], Crc.Crc32(payload));
            target = target[(HeaderLength + payload.Length + TrailerLength)..];
        }
        while (!frame.IsEmpty);
        return output;
    }

    /// <summary>The payload's length.</summary>
    /// <exception cref="DriverInternalError">The header's checksum is wrong: the stream can't be followed any further.</exception>
    public static int ReadHeader(ReadOnlySpan<byte> header)
    {
        var value = Crc.ReadUInt24(header);
        if (Crc.ReadUInt24(header[3..]) != Crc.Crc24(value, 3)) throw new DriverInternalError("A segment's header has a wrong checksum: the connection is given up.");
        return (int)(value & 0x1FFFF);
    }

    /// <exception cref="DriverInternalError">The payload's checksum is wrong.</exception>
    public static void CheckPayload(ReadOnlySpan<byte> payload, ReadOnlySpan<byte> trailer)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(trailer) != Crc.Crc32(payload)) throw new DriverInternalError("A segment's payload has a wrong checksum: the connection is given up.");
    }
}
