using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Chat.Cells.Cell.Accounts;

/// <summary>
/// A refresh token: <c>{device id}.{secret and time of issue}.{mark}</c>. The store keeps only a hash (and the time). Each use brings the next token, whose secret is
/// derived from this one, so that a client that lost the answer gets the same answer again for a short while. The mark proves that this cell once issued the token: one
/// with a right mark that is neither current nor just used was stolen, or its thief was faster, and the device is revoked; an invented one revokes nobody.
/// </summary>
internal sealed class RefreshToken
{
    /// <summary>How long a used token gets the answer of its first use again, unless the next one has been used.</summary>
    public static readonly TimeSpan RepeatTime = TimeSpan.FromMinutes(2);

    private const int SecretLength = 32;
    private const int PayloadLength = SecretLength + sizeof(long);
    private const int MarkLength = 16;

    private readonly string userId;
    private readonly byte[] payload;
    private readonly byte[] key;

    private RefreshToken(string userId, string deviceId, byte[] payload, byte[] key, bool issuedHere)
    {
        this.userId = userId;
        DeviceId = deviceId;
        this.payload = payload;
        this.key = key;
        IssuedHere = issuedHere;
    }

    public string DeviceId { get; }

    /// <summary>Whether the mark is right.</summary>
    public bool IssuedHere { get; }

    /// <summary>What the store keeps.</summary>
    public byte[] Stored => [.. SHA256.HashData(payload), .. payload.AsSpan(SecretLength)];

    /// <summary>What the client keeps.</summary>
    public string Text => $"{DeviceId}.{Base64Url.EncodeToString(payload)}.{Base64Url.EncodeToString(Mark(userId, DeviceId, payload, key))}";

    public static RefreshToken Create(string userId, string deviceId, byte[] key, DateTimeOffset now) =>
        new(userId, deviceId, Payload(RandomNumberGenerator.GetBytes(SecretLength), now.ToUnixTimeMilliseconds()), key, issuedHere: true);

    /// <summary>Null for what can't be a refresh token.</summary>
    public static RefreshToken? Parse(string? text, string userId, byte[] key)
    {
        if (text is null || text.Length > 256) return null;
        var parts = text.Split('.');
        if (parts.Length != 3 || !Ulid.TryParse(parts[0], out _)) return null;
        if (!TryDecode(parts[1], PayloadLength, out var bytes) || !TryDecode(parts[2], MarkLength, out var mark)) return null;
        return new RefreshToken(userId, parts[0], bytes, key, CryptographicOperations.FixedTimeEquals(mark, Mark(userId, parts[0], bytes, key)));
    }

    /// <summary>The token that this one is exchanged for.</summary>
    public RefreshToken Next(DateTimeOffset now) => Next(now.ToUnixTimeMilliseconds());

    /// <summary>The token that this one was exchanged for a moment ago, if that is what the store holds now; else null.</summary>
    public RefreshToken? NextIfStored(byte[] stored, DateTimeOffset now)
    {
        if (!IssuedHere || stored.Length != SHA256.HashSizeInBytes + sizeof(long)) return null;
        var issuedAt = BinaryPrimitives.ReadInt64BigEndian(stored.AsSpan(SHA256.HashSizeInBytes));
        if (now.ToUnixTimeMilliseconds() - issuedAt > RepeatTime.TotalMilliseconds) return null;
        var next = Next(issuedAt);
        return CryptographicOperations.FixedTimeEquals(next.Stored, stored) ? next : null;
    }

    private RefreshToken Next(long issuedAt) =>
        new(userId, DeviceId, Payload(HMACSHA256.HashData(key, (byte[])[.. "next\n"u8, .. payload]), issuedAt), key, issuedHere: true);

    private static byte[] Payload(byte[] secret, long issuedAt)
    {
        var bytes = new byte[PayloadLength];
        secret.CopyTo(bytes, 0);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(SecretLength), issuedAt);
        return bytes;
    }

    private static byte[] Mark(string userId, string deviceId, byte[] payload, byte[] key) =>
        HMACSHA256.HashData(key, (byte[])[.. Encoding.UTF8.GetBytes($"{userId}\n{deviceId}\n"), .. payload])[..MarkLength];

    private static bool TryDecode(string text, int length, out byte[] bytes)
    {
        bytes = new byte[length];
        return Base64Url.IsValid(text, out var decoded) && decoded == length && Base64Url.TryDecodeFromChars(text, bytes, out _);
    }
}
