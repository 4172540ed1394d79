using System.Buffers;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Messaging;

/// <summary>A record of <c>chat.dead</c>: one that can't be used, where it came from and why. Its key is the record's own.</summary>
public sealed record DeadLetter(string Topic, int Partition, long Offset, string Reason, ReadOnlyMemory<byte> Value)
{
    private const byte Format = 1;

    /// <summary>Of a longer value the beginning is kept, in bytes: what can't be put aside for its length would stop its partition.</summary>
    public const int MaxValue = 1_000_000;

    /// <summary>Of a longer key nothing is kept, in bytes.</summary>
    public const int MaxKey = 1_024;

    public static byte[] Encode(DeadLetter letter)
    {
        var buffer = new ArrayBufferWriter<byte>(letter.Value.Length + 256);
        var w = new RecordWriter(buffer);
        w.Byte(Format);
        w.Text(letter.Topic);
        w.Int(letter.Partition);
        w.Int(letter.Offset);
        w.Text(letter.Reason);
        w.Bytes(letter.Value.Span);
        return buffer.WrittenSpan.ToArray();
    }

    /// <exception cref="RecordFormatException">Malformed.</exception>
    public static DeadLetter Decode(ReadOnlyMemory<byte> bytes)
    {
        var r = new RecordReader(bytes);
        var format = r.Byte();
        if (format != Format) throw new RecordFormatException($"Dead letter format {format} is not known.");
        return new DeadLetter(r.Text(), (int)r.Int(), r.Int(), r.Text(), r.Bytes());
    }

    /// <summary>Puts a record aside; completes when that is durable. A replay may put it there again.</summary>
    public static async ValueTask PutAsync(IMessageLog log, string role, TopicPartition from, LogRecord record, string reason, CancellationToken cancellationToken)
    {
        var isLong = record.Value.Length > MaxValue;
        var letter = new DeadLetter(
            from.Topic, from.Partition, record.Offset, isLong ? $"{reason} (The first of {record.Value.Length} bytes.)" : reason, isLong ? record.Value[..MaxValue] : record.Value);
        var key = record.Key.Length > MaxKey ? default : record.Key;
        await log.AppendAsync(new TopicPartition(Topics.Dead, 0), key, Encode(letter), cancellationToken);
        CellMeter.Dead.Add(1, new KeyValuePair<string, object?>("role", role));
    }
}
