namespace Chat.Cells.Topology.Tests;

public sealed class AccessTokenVerifierTests : IDisposable
{
    private const string Anna = "eu-west-1.01JD0000000000000000000001";
    private const string Bob = "us-east-1.01JD0000000000000000000002";

    private readonly TokenMint eu = new("k1");
    private readonly TokenMint us = new("k1");
    private readonly TokenMint stranger = new("k1");
    private readonly ManualTime time = new();
    private readonly AccessTokenVerifier verifier;
    private CellMap? map;

    public AccessTokenVerifierTests()
    {
        map = Maps.Create(Maps.Cell("eu-west-1", 1, "eu-west", keys: Maps.KeyOf(eu)), Maps.Cell("us-east-1", 2, "us-east", keys: Maps.KeyOf(us)));
        verifier = new AccessTokenVerifier(() => map, time, cacheSize: 8);
    }

    public void Dispose()
    {
        eu.Dispose();
        us.Dispose();
        stranger.Dispose();
    }

    [Fact]
    public async Task Verify_GoodToken_GivesItsClaims()
    {
        var result = await verifier.VerifyAsync(eu.Sign(Anna, time.Now));
        Assert.Equal(AccessTokenStatus.Valid, result.Status);
        Assert.Equal(new AccessToken(Anna, "01JD0000000000000000000009", "eu-west-1", time.Now.AddMinutes(15)), result.Token);
    }

    [Fact]
    public async Task Verify_WrongKeys_AreRefused()
    {
        Assert.Equal(AccessTokenStatus.BadSignature, (await verifier.VerifyAsync(stranger.Sign(Anna, time.Now))).Status);
        // Another cell's key of the same kid, and another cell that claims somebody else's user.
        Assert.Equal(AccessTokenStatus.BadSignature, (await verifier.VerifyAsync(us.Sign(Anna, time.Now))).Status);
        Assert.Equal(AccessTokenStatus.ForeignIssuer, (await verifier.VerifyAsync(us.Sign(TokenMint.Claims(Anna, time.Now, issuer: "us-east-1")))).Status);
        using var rotated = new TokenMint("k2");
        Assert.Equal(AccessTokenStatus.UnknownKey, (await verifier.VerifyAsync(rotated.Sign(Anna, time.Now))).Status);
        Assert.Equal(AccessTokenStatus.UnknownIssuer, (await verifier.VerifyAsync(eu.Sign(TokenMint.Claims(Anna, time.Now, issuer: "mars-1")))).Status);
    }

    [Fact]
    public async Task Verify_OtherAlgorithms_AreRefused()
    {
        var claims = TokenMint.Claims(Anna, time.Now);
        var none = $"{TokenMint.Encode(new { alg = "none", kid = "k1" })}.{TokenMint.Encode(claims)}.";
        Assert.Equal(AccessTokenStatus.WrongAlgorithm, (await verifier.VerifyAsync(none)).Status);
        Assert.Equal(AccessTokenStatus.WrongAlgorithm, (await verifier.VerifyAsync(eu.SignWithHmac(claims))).Status);
        foreach (var alg in new[] { "es256", "ES384", "RS256", "NONE", "" })
            Assert.Equal(AccessTokenStatus.WrongAlgorithm, (await verifier.VerifyAsync(eu.Sign(claims, new() { ["alg"] = alg }))).Status);
        Assert.Equal(AccessTokenStatus.Malformed, (await verifier.VerifyAsync(eu.Sign(claims, new() { ["crit"] = new[] { "exp" } }))).Status);
    }

    [Fact]
    public async Task Verify_KeyInTheHeader_IsNotTrusted()
    {
        var key = Maps.KeyOf(stranger);
        var token = stranger.Sign(TokenMint.Claims(Anna, time.Now), new() { ["jwk"] = new { kty = "EC", crv = "P-256", x = key.X, y = key.Y, kid = "k1" } });
        Assert.Equal(AccessTokenStatus.BadSignature, (await verifier.VerifyAsync(token)).Status);
    }

    [Fact]
    public async Task Verify_AtItsExpiry_AllowsTheSkewAndNoMore()
    {
        var token = eu.Sign(Anna, time.Now);
        time.Now += TimeSpan.FromMinutes(15) + AccessToken.ClockSkew - TimeSpan.FromMilliseconds(1);
        Assert.Equal(AccessTokenStatus.Valid, (await verifier.VerifyAsync(token)).Status);
        time.Now += TimeSpan.FromMilliseconds(1);
        Assert.Equal(AccessTokenStatus.Expired, (await verifier.VerifyAsync(token)).Status);
    }

    [Fact]
    public async Task Verify_NotBeforeInTheFuture_IsRefusedBeyondTheSkew()
    {
        var claims = TokenMint.Claims(Anna, time.Now);
        claims["nbf"] = time.Now.AddSeconds(5).ToUnixTimeSeconds();
        Assert.Equal(AccessTokenStatus.Valid, (await verifier.VerifyAsync(eu.Sign(claims))).Status);
        claims["nbf"] = time.Now.AddSeconds(7).ToUnixTimeSeconds();
        Assert.Equal(AccessTokenStatus.NotYetValid, (await verifier.VerifyAsync(eu.Sign(claims))).Status);
    }

    [Fact]
    public async Task Verify_MadeByAServerWhoseClockIsTenMinutesAhead_IsValid()
    {
        var token = eu.Sign(TokenMint.Claims(Anna, time.Now.AddMinutes(10)));
        Assert.Equal(AccessTokenStatus.Valid, (await verifier.VerifyAsync(token)).Status);
    }

    [Theory]
    [InlineData("exp", null)]
    [InlineData("exp", "soon")]
    [InlineData("exp", long.MaxValue)]
    [InlineData("exp", -1)]
    [InlineData("sub", null)]
    [InlineData("sub", "anna")]
    [InlineData("sub", 7)]
    [InlineData("did", null)]
    [InlineData("did", "")]
    [InlineData("iss", null)]
    public async Task Verify_MissingOrMalformedClaim_IsMalformed(string claim, object? value)
    {
        var claims = TokenMint.Claims(Anna, time.Now);
        if (value is null) claims.Remove(claim);
        else claims[claim] = value;
        Assert.Equal(AccessTokenStatus.Malformed, (await verifier.VerifyAsync(eu.Sign(claims))).Status);
    }

    [Fact]
    public async Task Verify_OtherAudience_IsRefused()
    {
        var claims = TokenMint.Claims(Anna, time.Now);
        claims["aud"] = "someone.else";
        Assert.Equal(AccessTokenStatus.WrongAudience, (await verifier.VerifyAsync(eu.Sign(claims))).Status);
        claims.Remove("aud");
        Assert.Equal(AccessTokenStatus.WrongAudience, (await verifier.VerifyAsync(eu.Sign(claims))).Status);
    }

    [Fact]
    public async Task Verify_Garbage_IsARefusalAndNeverAnException()
    {
        var good = eu.Sign(Anna, time.Now);
        foreach (var text in new[] { null, "", "x", "..", "a.b.c", "....", "\0.\0.\0", "é.é.é", new string('x', AccessToken.MaxLength + 1), new string('.', 4000), good + "." + good, " " + good })
            Assert.False((await verifier.VerifyAsync(text)).IsValid, text);
        for (var length = 0; length < good.Length; length++) Assert.False((await verifier.VerifyAsync(good[..length])).IsValid);
        foreach (var payload in new[] { "null", "[]", "1", "\"x\"", "{", "{\"exp\":1}" })
        {
            var encoded = System.Buffers.Text.Base64Url.EncodeToString(System.Text.Encoding.UTF8.GetBytes(payload));
            Assert.False((await verifier.VerifyAsync($"{good.Split('.')[0]}.{encoded}.{good.Split('.')[2]}")).IsValid, payload);
            Assert.False((await verifier.VerifyAsync($"{encoded}.{good.Split('.')[1]}.{good.Split('.')[2]}")).IsValid, payload);
        }
        Assert.Equal(0, verifier.CachedTokens);
    }

    [Fact]
    public async Task Verify_ChangedAnywhere_IsRefused()
    {
        var good = eu.Sign(Anna, time.Now);
        Assert.True((await verifier.VerifyAsync(good)).IsValid);
        for (var i = 0; i < good.Length; i++)
        {
            // The last character of the signature has four bits that mean nothing.
            if (good[i] == '.' || i == good.Length - 1) continue;
            var changed = good[..i] + (good[i] == 'A' ? 'B' : 'A') + good[(i + 1)..];
            Assert.False((await verifier.VerifyAsync(changed)).IsValid, changed);
        }
    }

    [Fact]
    public async Task Verify_KeyGoneFromTheMap_RefusesWhatItKnew()
    {
        var token = eu.Sign(Anna, time.Now);
        Assert.True((await verifier.VerifyAsync(token)).IsValid);
        map = Maps.TwoRegions(2);
        Assert.Equal(AccessTokenStatus.UnknownKey, (await verifier.VerifyAsync(token)).Status);
    }

    [Fact]
    public async Task Verify_BirthCellOrSuccessor_MaySign()
    {
        map = Maps.Create(
            Maps.Cell("eu-west-1", 1, "eu-west", keys: Maps.KeyOf(eu), successor: "eu-west-2"),
            Maps.Cell("eu-west-2", 3, "eu-west", keys: Maps.KeyOf(us)),
            Maps.Cell("us-east-1", 2, "us-east", keys: Maps.KeyOf(stranger)));
        Assert.True((await verifier.VerifyAsync(eu.Sign(Anna, time.Now))).IsValid);
        Assert.True((await verifier.VerifyAsync(us.Sign(TokenMint.Claims(Anna, time.Now, "eu-west-2")))).IsValid);
        Assert.Equal(AccessTokenStatus.ForeignIssuer, (await verifier.VerifyAsync(us.Sign(TokenMint.Claims(Bob, time.Now, "eu-west-2")))).Status);
    }

    [Fact]
    public async Task Verify_ManyTokens_RemembersABoundedNumber()
    {
        for (var i = 0; i < 40; i++) Assert.True((await verifier.VerifyAsync(eu.Sign(TokenMint.Claims(UserId.Create("eu-west-1", Ulid.NewUlid()), time.Now)))).IsValid);
        Assert.InRange(verifier.CachedTokens, 4, 8);
    }

    [Fact]
    public async Task Verify_WithoutMap_SaysSo()
    {
        map = null;
        Assert.Equal(AccessTokenStatus.NoMap, (await verifier.VerifyAsync(eu.Sign(Anna, time.Now))).Status);
    }

    private sealed class ManualTime : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
