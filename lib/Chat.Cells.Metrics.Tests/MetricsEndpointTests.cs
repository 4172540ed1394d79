using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Metrics.Tests;

public sealed class MetricsEndpointTests
{
    [Fact]
    public async Task MapMetrics_Get_AnswersTextOfTheExpositionFormat()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddMetricsCollector();
        await using var app = builder.Build();
        app.MapMetrics();
        await app.StartAsync();
        using var meter = new Meter("Chat.Cells.EndpointTest");
        meter.CreateCounter<int>("endpoint.test").Add(2);
        using var client = new HttpClient();
        using var answer = await client.GetAsync(new Uri(app.Urls.Single() + "/metrics"));
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", answer.Content.Headers.ContentType?.ToString());
        var text = await answer.Content.ReadAsStringAsync();
        Assert.Contains("endpoint_test_total 2\n", text, StringComparison.Ordinal);
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
    }
}
