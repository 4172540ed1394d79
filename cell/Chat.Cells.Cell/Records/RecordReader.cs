using System.Buffers.Binary;
using System.Text;

namespace Chat.Cells.Cell.Records;

/// <summary>Reads what <see cref="RecordWriter"/> wrote. Anything malformed is a <see cref="RecordFormatException"/>; it never reads past the record.</summary>
public ref struct RecordReader(ReadOnlyMemory<byte> record)
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);
    private int position;

    public readonly bool AtEnd => position == record.Length;

    public byte Byte() => Take(1).Span[0];

    public ulong UInt()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var b = Byte();
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80) return value;
        }
        throw new RecordFormatException("An integer has more than 64 bits.");
    }

    public long Int()
    {
        var value = UInt();
        return value <= long.MaxValue ? (long)value : throw new RecordFormatException("An integer is out of range.");
    }

    /// <summary>A slice of the record: no copy.</summary>
    public ReadOnlyMemory<byte> Bytes() => Take(Length());

    public string Text()
    {
        try
        {
            return StrictUtf8.GetString(Take(Length()).Span);
        }
        catch (DecoderFallbackException e)
        {
            throw new RecordFormatException("A text is not UTF-8.", e);
        }
    }

    /// <summary>A text that other records have too, such as a user's or a channel's id: not another string for each of them.</summary>
    public string SharedText()
    {
        try
        {
            return KnownTexts.Get(Take(Length()).Span);
        }
        catch (DecoderFallbackException e)
        {
            throw new RecordFormatException("A text is not UTF-8.", e);
        }
    }

    public string? OptionalText()
    {
        var text = Text();
        return text.Length == 0 ? null : text;
    }

    public Ulid Ulid() => new(Take(16).Span);

    public Ulid? OptionalUlid() => Byte() switch
    {
        0 => null,
        1 => Ulid(),
        var other => throw new RecordFormatException($"A presence byte is 0 or 1, not {other}."),
    };

    /// <summary>A byte that is 0 or 1.</summary>
    public bool Flag() => Byte() switch
    {
        0 => false,
        1 => true,
        var other => throw new RecordFormatException($"A flag is 0 or 1, not {other}."),
    };

    public ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8).Span);

    /// <summary>A list of ids.</summary>
    public string[] Texts(int max)
    {
        var count = UInt();
        if (count > (ulong)max) throw new RecordFormatException($"A list has {count} items; at most {max} are allowed.");
        var values = new string[(int)count];
        for (var i = 0; i < values.Length; i++) values[i] = SharedText();
        return values;
    }

    private int Length()
    {
        var length = UInt();
        return length <= (ulong)(record.Length - position) ? (int)length : throw new RecordFormatException("A length goes past the record's end.");
    }

    private ReadOnlyMemory<byte> Take(int count)
    {
        if (count > record.Length - position) throw new RecordFormatException("The record ends too early.");
        var slice = record.Slice(position, count);
        position += count;
        return slice;
    }
}

/// <summary>A record's bytes are not what they should be.</summary>
public sealed class RecordFormatException(string message, Exception? inner = null) : Exception(message, inner);
