using System.Buffers.Binary;
using System.Security.Cryptography;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Messaging;

/// <summary>The first 64 bits of SHA-256 over what a client repeats unchanged when it sends a request again.</summary>
public static class ContentHash
{
    public static ulong Of(SendRecord send)
    {
        using var scratch = Scratch.Take();
        var w = new RecordWriter(scratch.Buffer);
        w.Byte(1);
        w.Text(send.ContentType);
        w.OptionalUlid(send.ReplyTo);
        w.Bytes(send.Content.Span);
        return Hash(scratch.Buffer.WrittenSpan);
    }

    public static ulong Of(CommandRecord command)
    {
        using var scratch = Scratch.Take();
        var w = new RecordWriter(scratch.Buffer);
        w.Byte(2);
        w.Byte((byte)command.Command);
        w.Byte((byte)command.Type);
        w.OptionalText(command.Name);
        w.Texts(command.UserIds);
        w.Byte((byte)command.Role);
        return Hash(scratch.Buffer.WrittenSpan);
    }

    public static ulong Of(ChangeRecord change)
    {
        using var scratch = Scratch.Take();
        var w = new RecordWriter(scratch.Buffer);
        w.Byte(3);
        w.Ulid(change.MessageId);
        w.Byte(change.IsDeletion ? (byte)1 : (byte)0);
        w.Text(change.ContentType);
        w.Bytes(change.Content.Span);
        return Hash(scratch.Buffer.WrittenSpan);
    }

    private static ulong Hash(ReadOnlySpan<byte> written)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(written, hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }
}
