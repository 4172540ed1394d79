using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace Cassandra.Protocol;

/// <summary>Reads the notations of the native protocol. Never reads past the body: a malformed one is a <see cref="DriverInternalError"/>.</summary>
internal ref struct BodyReader(ReadOnlyMemory<byte> body)
{
    private int _position;

    public readonly int Remaining => body.Length - _position;

    public byte Byte() => Take(1).Span[0];

    public ushort Short() => BinaryPrimitives.ReadUInt16BigEndian(Take(2).Span);

    public int Int() => BinaryPrimitives.ReadInt32BigEndian(Take(4).Span);

    public long Long() => BinaryPrimitives.ReadInt64BigEndian(Take(8).Span);

    public string String() => Encoding.UTF8.GetString(Take(Short()).Span);

    public string LongString() => Encoding.UTF8.GetString(Take(Count(Int())).Span);

    public byte[] ShortBytes() => Take(Short()).ToArray();

    /// <summary>A [bytes]: null when its length is negative. A slice of the body.</summary>
    public ReadOnlyMemory<byte>? Bytes()
    {
        var length = Int();
        if (length < 0) return null; // Not `?:`: there null becomes an empty memory, by way of a null array.
        return Take(length);
    }

    public Guid Uuid() => new(Take(16).Span, bigEndian: true);

    public string[] StringList()
    {
        var list = new string[Short()];
        for (var i = 0; i < list.Length; i++) list[i] = String();
        return list;
    }

    /// <summary>An [inet]: address and port.</summary>
    public IPEndPoint Inet()
    {
        var bytes = Take(Byte()).Span;
        var port = Int();
        if (bytes.Length is not (4 or 16) || port is < 0 or > ushort.MaxValue) throw new DriverInternalError($"An [inet] has {bytes.Length} bytes and port {port}.");
        return new IPEndPoint(new IPAddress(bytes), port);
    }

    public void SkipBytesMap()
    {
        var count = Short();
        for (var i = 0; i < count; i++)
        {
            String();
            Bytes();
        }
    }

    /// <summary>A non-negative count that the rest of the body can hold.</summary>
    public readonly int Count(int value) =>
        value >= 0 && value <= Remaining ? value : throw new DriverInternalError($"A response counts {value} items, but only {Remaining} bytes are left.");

    private ReadOnlyMemory<byte> Take(int count)
    {
        if (count > Remaining) throw new DriverInternalError($"A response ends too early: {count} bytes wanted, {Remaining} left.");
        var slice = body.Slice(_position, count);
        _position += count;
        return slice;
    }
}
