using System.Buffers.Binary;
using System.Collections;
using System.Net;
using System.Text;

namespace Cassandra;

/// <summary>Encodes and decodes values (specification, section 6). A CLR type that doesn't fit the column is an <see cref="InvalidTypeException"/>.</summary>
internal static class ValueCodec
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    public static byte[]? Encode(CqlType type, object? value)
    {
        try
        {
            return value is null ? null : EncodeValue(type, value);
        }
        catch (EncoderFallbackException e)
        {
            throw new InvalidTypeException("The text has half a surrogate pair: it is no Unicode.", e);
        }
    }

    /// <exception cref="InvalidTypeException">The bytes are no value of the type.</exception>
    public static object Decode(CqlType type, ReadOnlyMemory<byte> bytes)
    {
        try
        {
            return DecodeValue(type, bytes);
        }
        catch (Exception e) when (e is ArgumentException or DriverInternalError)
        {
            throw new InvalidTypeException($"The bytes are no value of type {type}: {e.Message}", e);
        }
    }

    private static byte[] EncodeValue(CqlType type, object value)
    {
        switch (type.Code, value)
        {
            case (ColumnTypeCode.Ascii, string text):
                return Ascii.IsValid(text) ? Encoding.ASCII.GetBytes(text) : throw new InvalidTypeException("The text is not ASCII.");
            case (ColumnTypeCode.Text, string text):
                return StrictUtf8.GetBytes(text);
            case (ColumnTypeCode.Bigint or ColumnTypeCode.Counter, long number):
                return Integer(8, number);
            case (ColumnTypeCode.Int, int number):
                return Integer(4, number);
            case (ColumnTypeCode.SmallInt, short number):
                return Integer(2, number);
            case (ColumnTypeCode.TinyInt, sbyte number):
                return [(byte)number];
            case (ColumnTypeCode.Boolean, bool flag):
                return [flag ? (byte)1 : (byte)0];
            case (ColumnTypeCode.Double, double number):
                return Integer(8, BitConverter.DoubleToInt64Bits(number));
            case (ColumnTypeCode.Float, float number):
                return Integer(4, BitConverter.SingleToInt32Bits(number));
            case (ColumnTypeCode.Timestamp, DateTimeOffset time):
                return Integer(8, time.ToUnixTimeMilliseconds());
            case (ColumnTypeCode.Uuid or ColumnTypeCode.Timeuuid, Guid uuid):
                return uuid.ToByteArray(bigEndian: true);
            case (ColumnTypeCode.Blob, byte[] bytes):
                return bytes;
            case (ColumnTypeCode.Blob, ReadOnlyMemory<byte> memory):
                return memory.ToArray();
            case (ColumnTypeCode.Inet, IPAddress address):
                return address.GetAddressBytes();
            case (ColumnTypeCode.List or ColumnTypeCode.Set, IEnumerable items and not string):
                return Collection(items.Cast<object?>().Select(item => Element(type.Elements[0], item)).ToList(), entriesPerItem: 1);
            case (ColumnTypeCode.Map, IDictionary map):
                var entries = new List<byte[]>();
                foreach (DictionaryEntry entry in map)
                {
                    entries.Add(Element(type.Elements[0], entry.Key));
                    entries.Add(Element(type.Elements[1], entry.Value));
                }
                return Collection(entries, entriesPerItem: 2);
            default:
                throw new InvalidTypeException($"A {value.GetType().Name} can't be written to a column of type {type}.");
        }
    }

    private static object DecodeValue(CqlType type, ReadOnlyMemory<byte> bytes)
    {
        var span = bytes.Span;
        switch (type.Code)
        {
            case ColumnTypeCode.Ascii or ColumnTypeCode.Text:
                return StrictUtf8.GetString(span);
            case ColumnTypeCode.Bigint or ColumnTypeCode.Counter:
                return BinaryPrimitives.ReadInt64BigEndian(Exactly(type, span, 8));
            case ColumnTypeCode.Int:
                return BinaryPrimitives.ReadInt32BigEndian(Exactly(type, span, 4));
            case ColumnTypeCode.SmallInt:
                return BinaryPrimitives.ReadInt16BigEndian(Exactly(type, span, 2));
            case ColumnTypeCode.TinyInt:
                return (sbyte)Exactly(type, span, 1)[0];
            case ColumnTypeCode.Boolean:
                return Exactly(type, span, 1)[0] != 0;
            case ColumnTypeCode.Double:
                return BinaryPrimitives.ReadDoubleBigEndian(Exactly(type, span, 8));
            case ColumnTypeCode.Float:
                return BinaryPrimitives.ReadSingleBigEndian(Exactly(type, span, 4));
            case ColumnTypeCode.Timestamp:
                return DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64BigEndian(Exactly(type, span, 8)));
            case ColumnTypeCode.Uuid or ColumnTypeCode.Timeuuid:
                return new Guid(Exactly(type, span, 16), bigEndian: true);
            case ColumnTypeCode.Blob:
                return bytes.ToArray();
            case ColumnTypeCode.Inet:
                return new IPAddress(span);
            case ColumnTypeCode.List or ColumnTypeCode.Set:
                return Items(bytes, 1).Select(item => DecodeElement(type.Elements[0], item[0])).ToList();
            case ColumnTypeCode.Map:
                return Items(bytes, 2).ToDictionary(item => DecodeElement(type.Elements[0], item[0])!, item => DecodeElement(type.Elements[1], item[1]));
            default:
                throw new InvalidTypeException($"Columns of type {type} are not read by this driver.");
        }
    }

    private static byte[] Integer(int length, long value)
    {
        Span<byte> buffer = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(buffer, value);
        return buffer[(8 - length)..].ToArray();
    }

    private static byte[] Element(CqlType type, object? item) => Encode(type, item) ?? throw new InvalidTypeException("A collection can't hold null.");

    private static byte[] Collection(List<byte[]> parts, int entriesPerItem)
    {
        var output = new byte[4 + parts.Sum(p => 4 + p.Length)];
        BinaryPrimitives.WriteInt32BigEndian(output, parts.Count / entriesPerItem);
        var position = 4;
        foreach (var part in parts)
        {
            BinaryPrimitives.WriteInt32BigEndian(output.AsSpan(position), part.Length);
            part.CopyTo(output, position + 4);
            position += 4 + part.Length;
        }
        return output;
    }

    private static List<ReadOnlyMemory<byte>?[]> Items(ReadOnlyMemory<byte> bytes, int entriesPerItem)
    {
        var reader = new Protocol.BodyReader(bytes);
        var items = new List<ReadOnlyMemory<byte>?[]>(reader.Count(reader.Int()));
        var count = items.Capacity;
        for (var i = 0; i < count; i++)
        {
            var item = new ReadOnlyMemory<byte>?[entriesPerItem];
            for (var j = 0; j < entriesPerItem; j++) item[j] = reader.Bytes();
            items.Add(item);
        }
        return items;
    }

    private static object? DecodeElement(CqlType type, ReadOnlyMemory<byte>? bytes) => bytes is { } b ? Decode(type, b) : null;

    private static ReadOnlySpan<byte> Exactly(CqlType type, ReadOnlySpan<byte> bytes, int length) =>
        bytes.Length == length ? bytes : throw new InvalidTypeException($"A value of type {type} has {bytes.Length} bytes instead of {length}.");
}
