using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Cells.Metrics;

/// <summary>Serves the metrics over HTTP.</summary>
public static class MetricsEndpoint
{
    /// <summary>Registers a <see cref="MetricsCollector"/>; it collects from the first time that it is resolved on, which <see cref="MapMetrics"/> does.</summary>
    public static IServiceCollection AddMetricsCollector(this IServiceCollection services, Action<MetricsOptions>? configure = null)
    {
        var options = new MetricsOptions();
        configure?.Invoke(options);
        return services.AddSingleton(_ => new MetricsCollector(options));
    }

    /// <summary>Maps <c>GET /metrics</c> (prometheus-net's name for it, too).</summary>
    public static IEndpointConventionBuilder MapMetrics(this IEndpointRouteBuilder endpoints, string pattern = "/metrics")
    {
        var collector = endpoints.ServiceProvider.GetRequiredService<MetricsCollector>();
        return endpoints.MapGet(pattern, async (HttpContext context) =>
        {
            context.Response.ContentType = MetricsCollector.ContentType;
            context.Response.Headers.CacheControl = "no-store";
            await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(collector.Write()), context.RequestAborted);
        }).ExcludeFromDescription();
    }
}
