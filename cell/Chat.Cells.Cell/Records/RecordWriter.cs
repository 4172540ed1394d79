using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Chat.Cells.Cell.Records;

/// <summary>Writes the binary form of log records: LEB128 integers, length-prefixed UTF-8, ULIDs as 16 bytes.</summary>
public readonly struct RecordWriter(IBufferWriter<byte> output)
{
    public void Byte(byte value)
    {
        output.GetSpan(1)[0] = value;
        output.Advance(1);
    }

    /// <summary>An unsigned LEB128 integer.</summary>
    public void UInt(ulong value)
    {
        var span = output.GetSpan(10);
        var length = 0;
        for (; value >= 0x80; value >>= 7) span[length++] = (byte)(value | 0x80);
        span[length++] = (byte)value;
        output.Advance(length);
    }

    /// <summary>A non-negative integer.</summary>
    public void Int(long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        UInt((ulong)value);
    }

    public void Bytes(ReadOnlySpan<byte> value)
    {
        UInt((ulong)value.Length);
        output.Write(value);
    }

    public void Text(string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        UInt((ulong)length);
        Encoding.UTF8.GetBytes(value, output.GetSpan(Math.Max(length, 1)));
        output.Advance(length);
    }

    /// <summary>Null and empty are the same.</summary>
    public void OptionalText(string? value) => Text(value ?? "");

    public void Ulid(Ulid value)
    {
        value.TryWriteBytes(output.GetSpan(16));
        output.Advance(16);
    }

    public void OptionalUlid(Ulid? value)
    {
        Byte(value is null ? (byte)0 : (byte)1);
        if (value is { } id) Ulid(id);
    }

    public void UInt64(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(output.GetSpan(8), value);
        output.Advance(8);
    }

    public void Texts(IReadOnlyList<string> values)
    {
        UInt((ulong)values.Count);
        for (var i = 0; i < values.Count; i++) Text(values[i]);
    }
}
