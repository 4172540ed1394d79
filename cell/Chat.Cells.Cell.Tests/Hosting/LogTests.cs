using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Cell.Tests.Hosting;

public sealed class LogTests
{
    [Fact]
    public async Task Logs_OfABusySession_HoldNoSecretsAndNoMessages()
    {
        var lines = new CapturingLogs();
        var secrets = new List<string>();
        await using (var cell = await TestCell.StartAsync(logging: l => l.SetMinimumLevel(LogLevel.Trace).AddProvider(lines)))
        {
            const string password = "hunter2-hunter2";
            const string text = "meet-me-at-midnight";
            var anna = await cell.SignUpAsync("anna", password);
            var bob = await cell.SignUpAsync("bob", password);
            var again = await cell.LogInAsync("anna", password);
            using (var wrong = await cell.PostAsync("/v1/handles/anna@eu-west/sessions", null, new { password = "wrong-" + password, device = new { name = "d", kind = "x" } }))
                Assert.Equal(401, (int)wrong.StatusCode);
            using (var refresh = await cell.PostAsync($"/v1/users/{anna.UserId}/tokens", null, new { refreshToken = anna.RefreshToken })) secrets.Add((string)(await TestCell.ReadAsync(refresh, 200))["refreshToken"]!);
            using (var ticket = await cell.PostAsync("/v1/tickets", anna.Token, null)) secrets.Add((string)(await TestCell.ReadAsync(ticket, 201))["ticket"]!);
            await using (var byTicket = await Connections.TestSocket.ConnectAsync(cell.Public, null, null, "chat.cells.v1", "ticket." + secrets[^1])) await byTicket.SettleAsync();
            var channel = await cell.CreateDirectAsync(anna, bob);
            await using var sender = await cell.ConnectAsync(anna);
            await sender.MessageAsync(channel, text, "r1");
            await sender.ReceiveAsync("message_ack", "r1");
            await sender.SendTextAsync("{\"type\":\"chat_message\",\"payload\":\"" + text);
            await sender.ReceiveAsync("error");
            await sender.SendAsync("auth", new { token = again.Token + "x" });
            await sender.ReceiveAsync("error");
            using (var history = await cell.GetAsync($"/v1/channels/{channel}/messages", bob.Token)) await TestCell.ReadAsync(history, 200);
            using (var badBody = await cell.PostAsync("/v1/regions/eu-west/accounts", null, "{\"password\":\"" + password)) Assert.Equal(400, (int)badBody.StatusCode);
            secrets.AddRange([password, text, anna.Token, anna.RefreshToken, bob.Token, again.Token, again.RefreshToken, cell.InternalToken]);
        }
        Assert.NotEmpty(lines.Lines);
        foreach (var line in lines.Lines)
        {
            foreach (var secret in secrets) Assert.DoesNotContain(secret, line, StringComparison.Ordinal);
        }
    }

    private sealed class CapturingLogs : ILoggerProvider, ILogger
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public ILogger CreateLogger(string categoryName) => this;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Enqueue($"{formatter(state, exception)} {state} {exception}");

        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
        {
            Lines.Enqueue(state.ToString() ?? "");
            return null;
        }

        public void Dispose()
        {
            // Nothing to release.
        }
    }
}
