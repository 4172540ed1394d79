using System.Security.Cryptography;

namespace Chat.Cells.Cell.Engines.Redis;

/// <summary>Messages between servers carry 16 bytes of HMAC-SHA256 over receiver and content.</summary>
internal sealed class SignedMessages(ReadOnlyMemory<byte> key)
{
    private const int TagLength = 16;

    public byte[] Sign(string receiver, ReadOnlySpan<byte> message)
    {
        var signed = new byte[TagLength + message.Length];
        message.CopyTo(signed.AsSpan(TagLength));
        Tag(receiver, message).AsSpan(0, TagLength).CopyTo(signed);
        return signed;
    }

    /// <summary>False for what wasn't signed with our key for this receiver.</summary>
    public bool TryOpen(string receiver, byte[] signed, out ReadOnlyMemory<byte> message)
    {
        message = default;
        if (signed.Length < TagLength) return false;
        var content = signed.AsSpan(TagLength);
        if (!CryptographicOperations.FixedTimeEquals(signed.AsSpan(0, TagLength), Tag(receiver, content).AsSpan(0, TagLength))) return false;
        message = signed.AsMemory(TagLength);
        return true;
    }

    private byte[] Tag(string receiver, ReadOnlySpan<byte> message)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key.Span);
        hmac.AppendData(System.Text.Encoding.UTF8.GetBytes(receiver));
        hmac.AppendData([0]);
        hmac.AppendData(message);
        return hmac.GetHashAndReset();
    }
}
