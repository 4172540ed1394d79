using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Ports;

/// <summary>
/// An edit or the deletion of a message. A message keeps one of them: the one with the highest event id, and a deletion before any edit (<see cref="Beats"/>). So it doesn't
/// matter in which order they are written, or how often, or whether the message itself is there yet.
/// </summary>
/// <param name="EventId">Of the change; in one cell a later change has a higher one.</param>
/// <param name="ChangedBy">The user; the sender, or for a deletion somebody who may delete what others sent.</param>
/// <param name="ContentType">Empty for a deletion.</param>
/// <param name="Content">UTF-8; empty for a deletion.</param>
public sealed record MessageChange(
    string ChannelId, Ulid MessageId, Ulid EventId, bool IsDeletion, string ChangedBy, string ContentType, ReadOnlyMemory<byte> Content)
{
    private const int DeletionRank = 1;
    private const int EditRank = 0;

    /// <summary>Whether this one is kept and the other isn't.</summary>
    public bool Beats(MessageChange other) => IsDeletion == other.IsDeletion ? EventId > other.EventId : IsDeletion;

    /// <summary>
    /// Whether it is one that the message's own row admits: only its sender edits it. A change that came before its message could not be held against it.
    /// </summary>
    public bool Fits(MessageRow message) => IsDeletion || ChangedBy == message.SenderId;

    /// <summary>
    /// What a store keeps: bytes of which the lexically greater ones win, without a look at what they say. First 1 for a deletion and 0 for an edit, then the event id, big-endian.
    /// </summary>
    public byte[] ToRegister()
    {
        using var scratch = Scratch.Take();
        var w = new RecordWriter(scratch.Buffer);
        w.Byte(IsDeletion ? (byte)DeletionRank : (byte)EditRank);
        w.Ulid(EventId);
        w.Text(ChangedBy);
        w.Text(ContentType);
        w.Bytes(Content.Span);
        return scratch.ToArray();
    }

    /// <exception cref="StoreException">These bytes were not written by <see cref="ToRegister"/>.</exception>
    public static MessageChange FromRegister(string channelId, Ulid messageId, ReadOnlyMemory<byte> register)
    {
        try
        {
            var r = new RecordReader(register);
            var rank = r.Byte();
            if (rank > DeletionRank) throw new RecordFormatException($"Rank {rank} is not known.");
            return new MessageChange(channelId, messageId, r.Ulid(), rank == DeletionRank, r.Text(), r.Text(), r.Bytes());
        }
        catch (RecordFormatException e)
        {
            throw new StoreException($"The stored change of message {messageId} can't be read: {e.Message} Use the program that wrote it, or a newer one.", e);
        }
    }
}
