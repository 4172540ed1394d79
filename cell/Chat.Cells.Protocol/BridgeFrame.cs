using System.Buffers;
using System.Buffers.Binary;

namespace Chat.Cells.Protocol;

/// <summary>
/// One record on its way between cells. On the wire: int32 length of the rest, int32 partition, int64 offset, int64 append time, int32 key length, key, value;
/// integers little-endian. A length of 0 is a keep-alive.
/// </summary>
/// <param name="AppendTime">Unix ms, stamped by the source's log.</param>
public readonly record struct BridgeFrame(int Partition, long Offset, long AppendTime, ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value)
{
    /// <summary>The largest length field that is read, in bytes: the longest message with all its recipients, and room.</summary>
    public const int MaxLength = 8 * 1024 * 1024;

    /// <summary>How often an idle stream says that it lives.</summary>
    public static readonly TimeSpan KeepAliveInterval = TimeSpan.FromSeconds(5);

    private const int Fixed = 4 + 8 + 8 + 4;

    public static void Write(IBufferWriter<byte> output, BridgeFrame frame)
    {
        var span = output.GetSpan(4 + Fixed);
        BinaryPrimitives.WriteInt32LittleEndian(span, Fixed + frame.Key.Length + frame.Value.Length);
        BinaryPrimitives.WriteInt32LittleEndian(span[4..], frame.Partition);
        BinaryPrimitives.WriteInt64LittleEndian(span[8..], frame.Offset);
        BinaryPrimitives.WriteInt64LittleEndian(span[16..], frame.AppendTime);
        BinaryPrimitives.WriteInt32LittleEndian(span[24..], frame.Key.Length);
        output.Advance(4 + Fixed);
        output.Write(frame.Key.Span);
        output.Write(frame.Value.Span);
    }

    public static void WriteKeepAlive(IBufferWriter<byte> output)
    {
        BinaryPrimitives.WriteInt32LittleEndian(output.GetSpan(4), 0);
        output.Advance(4);
    }

    /// <summary>
    /// Takes one frame from the front of a buffer; false when it isn't complete yet. A keep-alive is a frame with partition -1.
    /// The frame's memory is a copy.
    /// </summary>
    /// <exception cref="InvalidDataException">These are no frames.</exception>
    public static bool TryRead(ref ReadOnlySequence<byte> buffer, out BridgeFrame frame)
    {
        frame = default;
        if (buffer.Length < 4) return false;
        var reader = new SequenceReader<byte>(buffer);
        reader.TryReadLittleEndian(out int length);
        if (length == 0)
        {
            frame = new BridgeFrame(-1, 0, 0, default, default);
            buffer = buffer.Slice(4);
            return true;
        }
        if (length is < Fixed or > MaxLength) throw new InvalidDataException($"A bridge frame has {Fixed} to {MaxLength} bytes, not {length}.");
        if (buffer.Length < 4L + length) return false;
        reader.TryReadLittleEndian(out int partition);
        reader.TryReadLittleEndian(out long offset);
        reader.TryReadLittleEndian(out long appendTime);
        reader.TryReadLittleEndian(out int keyLength);
        if (partition < 0 || offset < 0 || keyLength < 0 || keyLength > length - Fixed) throw new InvalidDataException("A bridge frame's fields are out of range.");
        var rest = buffer.Slice(4 + Fixed, length - Fixed).ToArray();
        frame = new BridgeFrame(partition, offset, appendTime, rest.AsMemory(0, keyLength), rest.AsMemory(keyLength));
        buffer = buffer.Slice(4L + length);
        return true;
    }
}
