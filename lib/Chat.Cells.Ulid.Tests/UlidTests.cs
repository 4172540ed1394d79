using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Chat.Cells.UlidTests;

public sealed class UlidTests
{
    private static readonly Arbitrary<Ulid> AnyUlid = Gen.Choose(0, 255).Select(i => (byte)i).ArrayOf(16).Select(bytes => new Ulid(bytes)).ToArbitrary();

    /// <summary>The vectors of the specification and of its reference implementation (time 1469918176385 is "01ARYZ6S41").</summary>
    [Theory]
    [InlineData(0, "0000000000")]
    [InlineData(1, "0000000001")]
    [InlineData(31, "000000000Z")]
    [InlineData(32, "0000000010")]
    [InlineData(1469918176385, "01ARYZ6S41")]
    [InlineData(1469922850259, "01ARZ3NDEK")]
    public void NewUlid_KnownTimes_AreWrittenAsInTheSpecification(long milliseconds, string text)
    {
        var ulid = Ulid.NewUlid(DateTimeOffset.FromUnixTimeMilliseconds(milliseconds), new byte[10]);

        Assert.Equal(text + "0000000000000000", ulid.ToString());
        Assert.Equal(milliseconds, ulid.Time.ToUnixTimeMilliseconds());
    }

    [Fact]
    public void Parse_TheSpecificationsExample_HasItsTimeAndBytes()
    {
        var ulid = Ulid.Parse("01ARZ3NDEKTSV4RRFFQ69G5FAV");

        Assert.Equal(1469922850259, ulid.Time.ToUnixTimeMilliseconds());
        Assert.Equal("01563E3AB5D3D6764C61EFB99302BD5B", Convert.ToHexString(ulid.ToByteArray()));
        Assert.Equal("D6764C61EFB99302BD5B", Convert.ToHexString(ulid.Random));
        Assert.Equal("01ARZ3NDEKTSV4RRFFQ69G5FAV", ulid.ToString());
    }

    [Fact]
    public void Parse_TheLargest_IsMaxValue()
    {
        Assert.Equal(Ulid.MaxValue, Ulid.Parse("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"));
        Assert.Equal("7ZZZZZZZZZZZZZZZZZZZZZZZZZ", Ulid.MaxValue.ToString());
        Assert.Equal("00000000000000000000000000", Ulid.MinValue.ToString());
        Assert.Equal(Ulid.MinValue, Ulid.Empty);
    }

    [Theory]
    [InlineData("8ZZZZZZZZZZZZZZZZZZZZZZZZZ")] // over 128 bits
    [InlineData("80000000000000000000000000")]
    [InlineData("ZZZZZZZZZZZZZZZZZZZZZZZZZZ")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FA")] // 25 characters
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FAVV")]
    [InlineData("")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FAI")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FAL")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FAO")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FAU")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FAu")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FA-")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FA ")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FAé")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FA\u0130")]
    [InlineData("U1ARZ3NDEKTSV4RRFFQ69G5FAV")]
    [InlineData("01ARZ3NDEKTSVURRFFQ69G5FAV")]
    public void Parse_WhatIsNoUlid_IsRefused(string text)
    {
        Assert.False(Ulid.TryParse(text, out var ulid));
        Assert.Equal(default, ulid);
        Assert.Throws<FormatException>(() => Ulid.Parse(text));
    }

    [Fact]
    public void TryParse_EveryOtherCharacterAnywhere_IsRefused()
    {
        const string alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz";
        for (var c = '\0'; c < '\u0200'; c++)
        {
            for (var at = 1; at < 26; at++)
            {
                var text = new string('0', 26).Remove(at, 1).Insert(at, c.ToString());
                Assert.Equal(alphabet.Contains(c), Ulid.TryParse(text, out _));
            }
        }
    }

    [Fact]
    public void TryParse_Null_IsFalse() => Assert.False(Ulid.TryParse((string?)null, out _));

    [Fact]
    public void Parse_LowerCase_IsTheSame() => Assert.Equal(Ulid.Parse("01ARZ3NDEKTSV4RRFFQ69G5FAV"), Ulid.Parse("01arz3ndektsv4rrffq69g5fav"));

    [Fact]
    public void Text_OfAny_ParsesToTheSame() =>
        Prop.ForAll(AnyUlid, ulid => Ulid.Parse(ulid.ToString()) == ulid && Ulid.Parse(ulid.ToString().ToLowerInvariant()) == ulid).QuickCheckThrowOnFailure();

    [Fact]
    public void Bytes_OfAny_MakeTheSame() => Prop.ForAll(AnyUlid, ulid => new Ulid(ulid.ToByteArray()) == ulid).QuickCheckThrowOnFailure();

    [Fact]
    public void Order_OfAnyTwo_IsThatOfTextAndBytes() =>
        Prop.ForAll(AnyUlid, AnyUlid, (a, b) =>
        {
            var order = Math.Sign(a.CompareTo(b));
            return order == Math.Sign(string.CompareOrdinal(a.ToString(), b.ToString()))
                && order == Math.Sign(a.ToByteArray().AsSpan().SequenceCompareTo(b.ToByteArray()))
                && (a < b) == (order < 0) && (a > b) == (order > 0) && (a <= b) == (order <= 0) && (a >= b) == (order >= 0) && (a == b) == (order == 0) && (a != b) == (order != 0);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Formatting_ToSpans_IsTheText()
    {
        var ulid = Ulid.Parse("01ARZ3NDEKTSV4RRFFQ69G5FAV");
        Span<char> chars = stackalloc char[26];
        Span<byte> utf8 = stackalloc byte[26];

        Assert.True(ulid.TryFormat(chars, out var written, default, null));
        Assert.Equal((26, ulid.ToString()), (written, chars.ToString()));
        Assert.True(ulid.TryFormat(utf8, out written, default, null));
        Assert.Equal((26, ulid.ToString()), (written, Encoding.ASCII.GetString(utf8)));
        Assert.False(ulid.TryFormat(chars[..25], out _, default, null));
        Assert.False(ulid.TryFormat(utf8[..25], out _, default, null));
        Assert.Equal("id 01ARZ3NDEKTSV4RRFFQ69G5FAV", string.Create(CultureInfo.InvariantCulture, $"id {ulid}"));
    }

    [Fact]
    public void NewUlid_OfNow_HasTheTimeAndOtherBits()
    {
        var before = DateTimeOffset.UtcNow.AddSeconds(-1);
        var ids = Enumerable.Range(0, 1000).Select(_ => Ulid.NewUlid()).ToList();

        Assert.All(ids, id => Assert.InRange(id.Time, before, DateTimeOffset.UtcNow.AddSeconds(1)));
        Assert.Equal(1000, ids.Distinct().Count());
    }

    [Fact]
    public void NewUlid_TimeBefore1970_IsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Ulid.NewUlid(DateTimeOffset.UnixEpoch.AddMilliseconds(-1), new byte[10]));

    [Theory]
    [InlineData(9)]
    [InlineData(11)]
    public void NewUlid_OtherThanTenBytes_IsRefused(int length) => Assert.Throws<ArgumentException>(() => Ulid.NewUlid(DateTimeOffset.UnixEpoch, new byte[length]));

    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(17)]
    public void New_OtherThanSixteenBytes_IsRefused(int length) => Assert.Throws<ArgumentException>(() => new Ulid(new byte[length]));

    [Fact]
    public void CompareTo_OtherThings_FollowsTheConvention()
    {
        Assert.Equal(1, Ulid.MinValue.CompareTo(null));
        Assert.Throws<ArgumentException>(() => Ulid.MinValue.CompareTo("text"));
        Assert.False(Ulid.MinValue.Equals("text"));
        Assert.Equal(Ulid.MaxValue.GetHashCode(), Ulid.Parse("7ZZZZZZZZZZZZZZZZZZZZZZZZZ").GetHashCode());
    }
}
