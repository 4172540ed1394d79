using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Cassandra.Protocol;

/// <summary>Writes the notations of the native protocol (specification, section 3) into a growing buffer.</summary>
internal sealed class BodyWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new(256);

    public ReadOnlyMemory<byte> Written => _buffer.WrittenMemory;

    public void Byte(byte value)
    {
        _buffer.GetSpan(1)[0] = value;
        _buffer.Advance(1);
    }

    public void Short(ushort value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(_buffer.GetSpan(2), value);
        _buffer.Advance(2);
    }

    public void Int(int value)
    {
        BinaryPrimitives.WriteInt32BigEndian(_buffer.GetSpan(4), value);
        _buffer.Advance(4);
    }

    public void Long(long value)
    {
        BinaryPrimitives.WriteInt64BigEndian(_buffer.GetSpan(8), value);
        _buffer.Advance(8);
    }

    public void String(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        if (length > ushort.MaxValue) throw new ArgumentException("A [string] has at most 65,535 bytes.", nameof(value));
        Short((ushort)length);
        _buffer.Advance(Encoding.UTF8.GetBytes(value, _buffer.GetSpan(Math.Max(1, length))));
    }

    public void LongString(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        Int(length);
        _buffer.Advance(Encoding.UTF8.GetBytes(value, _buffer.GetSpan(Math.Max(1, length))));
    }

    public void StringMap(IReadOnlyDictionary<string, string> map)
    {
        Short((ushort)map.Count);
        foreach (var (key, value) in map)
        {
            String(key);
            String(value);
        }
    }

    public void StringList(IReadOnlyList<string> list)
    {
        Short((ushort)list.Count);
        foreach (var item in list) String(item);
    }

    public void ShortBytes(ReadOnlySpan<byte> value)
    {
        Short((ushort)value.Length);
        _buffer.Write(value);
    }

    public void Bytes(byte[]? value)
    {
        if (value is null)
        {
            Int(-1);
            return;
        }
        Int(value.Length);
        _buffer.Write(value);
    }

    /// <summary>A [value]: bytes, null (-1) or not set (-2).</summary>
    public void Value(BoundValue value)
    {
        if (value.IsUnset) Int(-2);
        else Bytes(value.Bytes);
    }
}

/// <summary>An encoded value; unset values leave the column alone.</summary>
internal readonly record struct BoundValue(byte[]? Bytes, bool IsUnset)
{
    public static readonly BoundValue Unset = new(null, true);
}
