using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace System;

/// <summary>
/// A ULID (github.com/ulid/spec): 48 bits of Unix milliseconds and 80 more bits, big-endian, written as 26 characters of Crockford base32.
/// Member names are those of Cysharp's Ulid package, which this type stands for.
/// </summary>
public readonly struct Ulid : IEquatable<Ulid>, IComparable<Ulid>, IComparable, ISpanParsable<Ulid>, ISpanFormattable, IUtf8SpanFormattable
{
    private const string Alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    private const int TextLength = 26;
    private const long MaxTime = (1L << 48) - 1;

    private readonly UInt128 value;

    private Ulid(UInt128 value) => this.value = value;

    /// <summary>From 16 bytes, big-endian.</summary>
    /// <exception cref="ArgumentException">Not 16 bytes.</exception>
    public Ulid(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != 16) throw new ArgumentException($"A ULID has 16 bytes, not {bytes.Length}.", nameof(bytes));
        value = BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    /// <summary>From a time and its 80 low bits (10 bytes, big-endian).</summary>
    /// <exception cref="ArgumentOutOfRangeException">The time is negative or needs more than 48 bits.</exception>
    public static Ulid NewUlid(DateTimeOffset timestamp, ReadOnlySpan<byte> randomness)
    {
        if (randomness.Length != 10) throw new ArgumentException($"A ULID has 10 bytes of randomness, not {randomness.Length}.", nameof(randomness));
        var time = timestamp.ToUnixTimeMilliseconds();
        if (time is < 0 or > MaxTime) throw new ArgumentOutOfRangeException(nameof(timestamp), timestamp, "A ULID's time is 0 to 2^48-1 Unix milliseconds.");
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, (ulong)time << 16);
        randomness.CopyTo(bytes[6..]);
        return new Ulid(bytes);
    }

    /// <summary>A new random ULID of a given time.</summary>
    public static Ulid NewUlid(DateTimeOffset timestamp)
    {
        Span<byte> random = stackalloc byte[10];
        RandomNumberGenerator.Fill(random);
        return NewUlid(timestamp, random);
    }

    /// <summary>A new random ULID of this moment.</summary>
    public static Ulid NewUlid() => NewUlid(DateTimeOffset.UtcNow);

    public static readonly Ulid MinValue;
    public static readonly Ulid MaxValue = new(UInt128.MaxValue);
    public static readonly Ulid Empty;

    /// <summary>The time part.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is after the year 9999, which 48 bits allow and <see cref="DateTimeOffset"/> doesn't.</exception>
    public DateTimeOffset Time => DateTimeOffset.FromUnixTimeMilliseconds((long)(ulong)(value >> 80));

    /// <summary>The 80 low bits, as 10 bytes.</summary>
    public byte[] Random => ToByteArray()[6..];

    public byte[] ToByteArray()
    {
        var bytes = new byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, value);
        return bytes;
    }

    public bool TryWriteBytes(Span<byte> destination) => BinaryPrimitives.TryWriteUInt128BigEndian(destination, value);

    public override string ToString() => string.Create(TextLength, value, static (span, v) => Write(span, v));

    public string ToString(string? format, IFormatProvider? formatProvider) => ToString();

    public bool TryFormat(Span<char> destination, out int charsWritten, ReadOnlySpan<char> format, IFormatProvider? provider)
    {
        charsWritten = 0;
        if (destination.Length < TextLength) return false;
        Write(destination, value);
        charsWritten = TextLength;
        return true;
    }

    public bool TryFormat(Span<byte> utf8Destination, out int bytesWritten, ReadOnlySpan<char> format, IFormatProvider? provider)
    {
        bytesWritten = 0;
        if (utf8Destination.Length < TextLength) return false;
        Span<char> text = stackalloc char[TextLength];
        Write(text, value);
        for (var i = 0; i < TextLength; i++) utf8Destination[i] = (byte)text[i];
        bytesWritten = TextLength;
        return true;
    }

    public static Ulid Parse(string base32) => Parse(base32.AsSpan());

    /// <exception cref="FormatException">Not 26 characters of Crockford base32, or more than 128 bits.</exception>
    public static Ulid Parse(ReadOnlySpan<char> base32) =>
        TryParse(base32, out var ulid) ? ulid : throw new FormatException("A ULID is 26 characters of Crockford base32, the first one 0 to 7.");

    public static bool TryParse([NotNullWhen(true)] string? base32, out Ulid ulid) => TryParse(base32.AsSpan(), out ulid);

    public static bool TryParse(ReadOnlySpan<char> base32, out Ulid ulid)
    {
        ulid = default;
        if (base32.Length != TextLength || base32[0] is < '0' or > '7') return false;
        // 13 characters are 65 bits: the first one has at most 3, so the upper half fits 63.
        if (!TryParseHalf(base32[..13], out var upper) || !TryParseHalf(base32[13..], out var lower)) return false;
        var v = ((UInt128)upper << 65) | lower;
        ulid = new Ulid(v);
        return true;
    }

    static Ulid IParsable<Ulid>.Parse(string s, IFormatProvider? provider) => Parse(s);
    static bool IParsable<Ulid>.TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out Ulid result) => TryParse(s, out result);
    static Ulid ISpanParsable<Ulid>.Parse(ReadOnlySpan<char> s, IFormatProvider? provider) => Parse(s);
    static bool ISpanParsable<Ulid>.TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out Ulid result) => TryParse(s, out result);

    public bool Equals(Ulid other) => value == other.value;
    public override bool Equals(object? obj) => obj is Ulid other && Equals(other);
    public override int GetHashCode() => value.GetHashCode();
    public int CompareTo(Ulid other) => value.CompareTo(other.value);
    public int CompareTo(object? obj) => obj is null ? 1 : obj is Ulid other ? CompareTo(other) : throw new ArgumentException("Not a ULID.", nameof(obj));

    public static bool operator ==(Ulid left, Ulid right) => left.value == right.value;
    public static bool operator !=(Ulid left, Ulid right) => left.value != right.value;
    public static bool operator <(Ulid left, Ulid right) => left.value < right.value;
    public static bool operator >(Ulid left, Ulid right) => left.value > right.value;
    public static bool operator <=(Ulid left, Ulid right) => left.value <= right.value;
    public static bool operator >=(Ulid left, Ulid right) => left.value >= right.value;

    private static void Write(Span<char> span, UInt128 v)
    {
        var upper = (ulong)(v >> 65);
        var middle = (uint)(ulong)(v >> 60) & 31;
        var lower = (ulong)v & ((1UL << 60) - 1);
        for (var i = 12; i >= 0; i--, upper >>= 5) span[i] = Alphabet[(int)(upper & 31)];
        span[13] = Alphabet[(int)middle];
        for (var i = TextLength - 1; i > 13; i--, lower >>= 5) span[i] = Alphabet[(int)(lower & 31)];
    }

    /// <summary>13 digits: up to 65 bits.</summary>
    private static bool TryParseHalf(ReadOnlySpan<char> digits, out UInt128 value)
    {
        value = default;
        ulong rest = 0;
        var first = Digit(digits[0]);
        var bad = first;
        foreach (var c in digits[1..])
        {
            var digit = Digit(c);
            bad |= digit;
            rest = (rest << 5) | (uint)(digit & 31);
        }
        if (bad < 0) return false;
        value = ((UInt128)(uint)first << 60) | rest;
        return true;
    }

    /// <summary>A digit's value; negative when it is none. I, L, O and U are none.</summary>
    private static int Digit(char c) => c < 128 ? Digits[c] : -1;

    private static ReadOnlySpan<sbyte> Digits =>
    [
        -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
        -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, -1, -1, -1, -1, -1, -1,
        -1, 10, 11, 12, 13, 14, 15, 16, 17, -1, 18, 19, -1, 20, 21, -1, 22, 23, 24, 25, 26, -1, 27, 28, 29, 30, 31, -1, -1, -1, -1, -1,
        -1, 10, 11, 12, 13, 14, 15, 16, 17, -1, 18, 19, -1, 20, 21, -1, 22, 23, 24, 25, 26, -1, 27, 28, 29, 30, 31, -1, -1, -1, -1, -1,
    ];
}
