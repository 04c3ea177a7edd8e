using MedPeft.Lora.Common;
using MedPeft.Lora.Vision;
using static TorchSharp.torch;

namespace MedPeft.Lora.Prediction;

/// <summary>Heat maps of a vision transformer. The model runs as it is, adapters and all; nothing in it changes and no gradient stays in it.</summary>
public static class HeatMaps
{
    /// <summary>Attention roll-out: the product over the blocks of ½·(A + I), A being the mean of the heads' attention.</summary>
    /// <remarks>
    /// Abnar and Zuidema 2020, arXiv:2005.00928, §3. Read off the row of what the head sees: that of the class token, or with mean pooling
    /// the mean of the patches' rows. Columns of the class and register tokens are left out, so the values sum to 1 less their share.
    /// </remarks>
    /// <param name="model">In evaluation mode.</param>
    /// <param name="image">One normalised image, [1, channels, ImageSize, ImageSize].</param>
    /// <returns>A share of 1 for each patch.</returns>
    /// <exception cref="ArgumentException">More than one image, or one of another shape.</exception>
    /// <exception cref="InvalidOperationException">The model is in training mode.</exception>
    public static HeatMap AttentionRollout(VisionTransformer model, Tensor image)
    {
        Check(model, image);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        Tensor? flow = null;
        model.Watch(image, new VisionWatch { Attention = (_, weights) => flow = Next(flow, weights) });

        var config = model.Config;
        var rows = config.Pooling == ViTPooling.ClassToken ? flow!.narrow(0, 0, 1) : flow!.narrow(0, config.PrefixTokens, config.Patches); // [rows, N]
        var seen = rows.mean([0L]).narrow(0, config.PrefixTokens, config.Patches); // [patches]
        return new HeatMap(HeatMapMethod.AttentionRollout, config.Grid, Floats(seen));
    }

    /// <summary>Grad-CAM: the tokens of the last block, weighted channel by channel with the mean gradient of one logit; what is negative becomes 0.</summary>
    /// <remarks>
    /// Selvaraju et al. 2017, arXiv:1610.02391, eq. 1 and 2, with tokens for pixels. With mean pooling the tokens are those behind the last
    /// block; their gradients are all equal, so a value is exactly the derivative of the logit by a scaling of its token. With the
    /// class token only the attention of the last block leads from the patches to the head, and the tokens are those behind its first norm.
    /// </remarks>
    /// <param name="model">In evaluation mode, with a head.</param>
    /// <param name="image">One normalised image, [1, channels, ImageSize, ImageSize].</param>
    /// <param name="output">Which logit, from 0.</param>
    /// <param name="label">The name of the label, for the map.</param>
    /// <returns>For each patch what it adds to the logit, to first order; 0 where it speaks against the label.</returns>
    /// <exception cref="ArgumentException">More than one image, or one of another shape; no such output.</exception>
    /// <exception cref="InvalidOperationException">The model is in training mode.</exception>
    public static HeatMap GradCam(VisionTransformer model, Tensor image, int output, string? label = null)
    {
        Check(model, image);
        if (output < 0 || output >= model.Config.Outputs)
            throw new ArgumentOutOfRangeException(nameof(output), output, $"The model has {model.Config.Outputs} outputs; choose one from 0 on.");
        using var scope = NewDisposeScope();
        using var off = no_grad();
        Tensor? tokens = null;
        IDisposable? on = null;
        try
        {
            var watch = model.Config.Pooling == ViTPooling.ClassToken ? new VisionWatch { LastNormed = Cut } : new VisionWatch { LastTokens = Cut };
            var logit = model.Watch(image, watch).select(1, output).sum();
            logit.backward(inputs: [tokens!]);
            BackwardFailure.Rethrow();
        }
        finally
        {
            on?.Dispose();
        }

        var config = model.Config;
        var patches = tokens!.detach().narrow(1, config.PrefixTokens, config.Patches)[0].to(ScalarType.Float64); // [patches, C]
        var gradients = tokens.grad!.narrow(1, config.PrefixTokens, config.Patches)[0].to(ScalarType.Float64);
        var weights = gradients.mean([0L]); // [C]
        return new HeatMap(HeatMapMethod.GradCam, config.Grid, Floats(patches.mv(weights).AtLeast(0)), label);

        // The graph begins here: neither the blocks below nor the weights record anything.
        Tensor Cut(Tensor reached)
        {
            on = enable_grad();
            return tokens = reached.detach().requires_grad_();
        }
    }

    private static Tensor Next(Tensor? flow, Tensor weights)
    {
        using var scope = NewDisposeScope();
        var mean = weights.select(0, 0).to(ScalarType.Float64).mean([0L]); // [N, N]
        var step = mean.PlusInPlace(eye(mean.shape[0], dtype: ScalarType.Float64, device: mean.device)).TimesInPlace(.5);
        return (flow is null ? step : mm(step, flow)).MoveToOuterDisposeScope();
    }

    private static float[] Floats(Tensor values) => values.to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();

    private static void Check(VisionTransformer model, Tensor image)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(image);
        if (image.dim() != 4 || image.shape[0] != 1)
            throw new ArgumentException($"A heat map is of one image, [1, {model.Config.Channels}, {model.Config.ImageSize}, {model.Config.ImageSize}]; found [{string.Join(", ", image.shape)}].", nameof(image));
        if (model.training)
            throw new InvalidOperationException("The model is in training mode, where dropout and stochastic depth change what is seen. Call eval() first.");
    }
}
