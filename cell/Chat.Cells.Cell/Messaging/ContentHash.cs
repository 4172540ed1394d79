using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Messaging;

/// <summary>The first 64 bits of SHA-256 over what a client repeats unchanged when it sends a request again.</summary>
public static class ContentHash
{
    public static ulong Of(SendRecord send)
    {
        var buffer = new ArrayBufferWriter<byte>(send.Content.Length + 64);
        var w = new RecordWriter(buffer);
        w.Byte(1);
        w.Text(send.ContentType);
        w.OptionalUlid(send.ReplyTo);
        w.Bytes(send.Content.Span);
        return Hash(buffer);
    }

    public static ulong Of(CommandRecord command)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        var w = new RecordWriter(buffer);
        w.Byte(2);
        w.Byte((byte)command.Command);
        w.Byte((byte)command.Type);
        w.OptionalText(command.Name);
        w.Texts(command.UserIds);
        w.Byte((byte)command.Role);
        return Hash(buffer);
    }

    private static ulong Hash(ArrayBufferWriter<byte> buffer)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(buffer.WrittenSpan, hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }
}
