using System.Net;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Cells.Cell.Tests.Accounts;

public sealed class AccountTests : IAsyncLifetime
{
    private TestCell cell = null!;

    public async Task InitializeAsync() => cell = await TestCell.StartAsync();

    public async Task DisposeAsync() => await cell.DisposeAsync();

    private Task<HttpResponseMessage> SignUpAsync(string handle, string password, string region = "eu-west") =>
        cell.PostAsync($"/v1/regions/{region}/accounts", null, new { handle, password, device = new { name = "d", kind = "desktop" } });

    private Task<HttpResponseMessage> LogInAsync(string handle, string password) =>
        cell.PostAsync($"/v1/handles/{handle}@eu-west/sessions", null, new { password, device = new { name = "d", kind = "desktop" } });

    [Fact]
    public async Task SignUp_ThenLogIn_IsTheSameUserOnAnotherDevice()
    {
        var anna = await cell.SignUpAsync("Anna");
        Assert.Equal("anna@eu-west", anna.Handle);
        var again = await cell.LogInAsync("ANNA");
        Assert.Equal(anna.UserId, again.UserId);
        Assert.NotEqual(anna.DeviceId, again.DeviceId);
        using var devices = await cell.GetAsync("/v1/devices", again.Token);
        Assert.Equal(2, (await TestCell.ReadAsync(devices, 200))["devices"]!.AsArray().Count);
    }

    [Theory]
    [InlineData("a", "long enough")]
    [InlineData("-anna", "long enough")]
    [InlineData("an na", "long enough")]
    [InlineData("anna@eu-west", "long enough")]
    [InlineData("anna", "short")]
    public async Task SignUp_BadHandleOrPassword_Answers400(string handle, string password)
    {
        using var response = await SignUpAsync(handle, password);
        Assert.Equal(ErrorCodes.BadRequest, (string)(await TestCell.ReadAsync(response, 400))["code"]!);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{\"handle\":5}")]
    [InlineData("")]
    public async Task SignUp_BodyThatIsNone_Answers400(string body)
    {
        using var response = await cell.PostAsync("/v1/regions/eu-west/accounts", null, body);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        await TestCell.ReadAsync(response, 400);
    }

    [Fact]
    public async Task SignUp_HugeBody_Answers413()
    {
        using var response = await SignUpAsync(new string('a', 1_000_000), "long enough");
        Assert.Equal(ErrorCodes.TooLarge, (string)(await TestCell.ReadAsync(response, 413))["code"]!);
        Assert.True(response.Headers.ConnectionClose);
    }

    [Fact]
    public async Task SignUp_AnotherRegion_Answers404()
    {
        using var response = await SignUpAsync("anna", "long enough", "us-east");
        await TestCell.ReadAsync(response, 404);
    }

    [Fact]
    public async Task SignUp_ManyAtOnceForOneHandle_OneGetsIt()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => SignUpAsync("anna", "long enough")));
        Assert.Equal(1, answers.Count(a => a.StatusCode == HttpStatusCode.Created));
        foreach (var answer in answers.Where(a => a.StatusCode != HttpStatusCode.Created))
            Assert.Equal(ErrorCodes.HandleTaken, (string)(await TestCell.ReadAsync(answer, 409))["code"]!);
    }

    [Fact]
    public async Task LogIn_WrongPasswordAndUnknownHandle_AnswerTheSame()
    {
        await cell.SignUpAsync("anna");
        using var wrong = await LogInAsync("anna", "wrong password");
        using var unknown = await LogInAsync("nobody", "wrong password");
        Assert.Equal((HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized), (wrong.StatusCode, unknown.StatusCode));
        Assert.Equal(await wrong.Content.ReadAsStringAsync(), await unknown.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task LogIn_ManyWrongPasswords_IsRateLimited()
    {
        await cell.SignUpAsync("anna");
        HttpResponseMessage last = null!;
        for (var i = 0; i < 12; i++) last = await LogInAsync("anna", "wrong password");
        Assert.Equal(ErrorCodes.RateLimited, (string)(await TestCell.ReadAsync(last, 429))["code"]!);
        Assert.True(last.Headers.RetryAfter?.Delta > TimeSpan.Zero);
    }

    [Fact]
    public async Task LogIn_ManyIdsThatAreNone_ShareOneLimit()
    {
        HttpResponseMessage last = null!;
        for (var i = 0; i < 12; i++) last = await cell.PostAsync($"/v1/users/nobody-{i}/sessions", null, new { password = "wrong password", device = new { name = "d", kind = "desktop" } });
        Assert.Equal(ErrorCodes.RateLimited, (string)(await TestCell.ReadAsync(last, 429))["code"]!);
    }

    [Fact]
    public async Task Password_IsStoredAsASaltedHash()
    {
        var anna = await cell.SignUpAsync("anna", "correct horse");
        var bob = await cell.SignUpAsync("bob", "correct horse");
        var accounts = cell.Services.GetRequiredService<IAccountStore>();
        var annas = (await accounts.FindAccountAsync(anna.UserId, default))!.PasswordHash;
        var bobs = (await accounts.FindAccountAsync(bob.UserId, default))!.PasswordHash;
        Assert.StartsWith("$pbkdf2-sha512$i=1$", annas, StringComparison.Ordinal);
        Assert.NotEqual(annas, bobs);
        Assert.True(CellOptions.DefaultPasswordIterations >= 210_000);
    }

    private async Task<(int Status, string? Token)> RefreshAsync(TestUser user, string refreshToken)
    {
        using var response = await cell.PostAsync($"/v1/users/{user.UserId}/tokens", null, new { refreshToken });
        return ((int)response.StatusCode, response.IsSuccessStatusCode ? (string)(await TestCell.ReadAsync(response, 200))["refreshToken"]! : null);
    }

    [Fact]
    public async Task Refresh_Rotates_AndALostAnswerIsAnsweredAgain()
    {
        var anna = await cell.SignUpAsync("anna");
        var (_, second) = await RefreshAsync(anna, anna.RefreshToken);
        Assert.NotEqual(anna.RefreshToken, second);
        Assert.Equal((200, second), await RefreshAsync(anna, anna.RefreshToken)); // the answer was lost
        var (status, third) = await RefreshAsync(anna, second!);
        Assert.Equal(200, status);
        Assert.NotEqual(second, third);
    }

    [Fact]
    public async Task Refresh_WithATokenUsedBefore_RevokesTheDevice()
    {
        var anna = await cell.SignUpAsync("anna");
        var (_, second) = await RefreshAsync(anna, anna.RefreshToken);
        var (_, third) = await RefreshAsync(anna, second!);
        Assert.Equal(401, (await RefreshAsync(anna, anna.RefreshToken)).Status); // stolen
        Assert.Equal(401, (await RefreshAsync(anna, third!)).Status);
        using var me = await cell.GetAsync("/v1/me", anna.Token);
        Assert.Equal(HttpStatusCode.Unauthorized, me.StatusCode);
    }

    [Fact]
    public async Task Refresh_WithAnInventedToken_RevokesNobody()
    {
        var anna = await cell.SignUpAsync("anna");
        var bob = await cell.SignUpAsync("bob");
        var parts = anna.RefreshToken.Split('.');
        var invented = $"{anna.DeviceId}.{System.Buffers.Text.Base64Url.EncodeToString(new byte[40])}.{parts[2]}";
        foreach (var bad in new[] { invented, bob.RefreshToken, "", "a.b.c", new string('x', 5_000) }) Assert.Equal(401, (await RefreshAsync(anna, bad)).Status);
        Assert.Equal(200, (await RefreshAsync(anna, anna.RefreshToken)).Status);
    }

    [Fact]
    public async Task Contacts_PutTwiceListRemove_Work()
    {
        var anna = await cell.SignUpAsync("anna");
        var bob = await cell.SignUpAsync("bob");
        for (var i = 0; i < 2; i++)
        {
            using var put = await cell.SendAsync(HttpMethod.Put, cell.Public, $"/v1/contacts/{bob.UserId}", anna.Token);
            Assert.Equal(HttpStatusCode.NoContent, put.StatusCode);
        }
        using var bad = await cell.SendAsync(HttpMethod.Put, cell.Public, "/v1/contacts/nobody", anna.Token);
        Assert.Equal(HttpStatusCode.BadRequest, bad.StatusCode);
        using (var list = await cell.GetAsync("/v1/contacts", anna.Token))
        {
            var contact = Assert.Single((await TestCell.ReadAsync(list, 200))["contacts"]!.AsArray());
            Assert.Equal((bob.UserId, "bob@eu-west"), ((string)contact!["userId"]!, (string)contact["handle"]!));
        }
        using var removed = await cell.SendAsync(HttpMethod.Delete, cell.Public, $"/v1/contacts/{bob.UserId}", anna.Token);
        using var empty = await cell.GetAsync("/v1/contacts", anna.Token);
        Assert.Empty((await TestCell.ReadAsync(empty, 200))["contacts"]!.AsArray());
    }
}
