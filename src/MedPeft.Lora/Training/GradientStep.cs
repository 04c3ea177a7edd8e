using MedPeft.Lora.Common;
using MedPeft.Lora.Data;
using static TorchSharp.torch;

namespace MedPeft.Lora.Training;

/// <summary>One step: the batch through the model, in pieces if need be, and the gradient through clipping and optimizer into the weights.</summary>
internal sealed class GradientStep(nn.Module<Tensor, Tensor> model, Objective objective, Optimizer optimizer, MovingAverage? average, TrainingOptions options, Device device)
{
    private readonly IReadOnlyList<LoraAdapter> _observers = [.. LoraAdapter.Observing(model)];

    /// <summary>Images that go through the model at once; halved when memory runs out.</summary>
    public int MicroBatch { get; set; } = options.MicroBatch;

    /// <summary>Scales a float16 run's loss; null for the others.</summary>
    public LossScaler? Scaler { get; set; } = options.Precision == Precision.Float16 ? new LossScaler(options.LossScale) : null;

    /// <summary>Called with the images of each pass before it; tests make it fail.</summary>
    public Action<int>? BeforePass { get; set; }

    /// <summary>Told the new <see cref="MicroBatch"/> when memory has run out.</summary>
    public Action<int>? Halved { get; set; }

    /// <summary>Takes the step.</summary>
    /// <param name="batch">Its images.</param>
    /// <param name="rate">Learning rate.</param>
    /// <param name="mixed">Share of mixup; null for none.</param>
    /// <param name="step">Its number in the run, from 1; one that an overflow has left out counts.</param>
    /// <param name="steps">Steps of the run.</param>
    /// <param name="begin">Sets the generators to the step's beginning; called again when the step is repeated.</param>
    /// <returns>Loss, and norm of the gradient before clipping. Where one is no finite number no step was taken, and the weights are as before.</returns>
    public (double Loss, double Norm) Take(ImageBatch batch, double rate, double? mixed, long step, long steps, Action begin)
    {
        var loss = Passes(batch, mixed, begin);
        if (!double.IsFinite(loss)) return (loss, double.NaN);
        var norm = optimizer.Gather();
        if (Scaler is { } scaler)
        {
            var scale = scaler.Scale;
            if (!scaler.Judge(norm))
            {
                optimizer.ClearGradients();
                return (loss, 0);
            }

            optimizer.ScaleGradients(1 / scale);
            norm /= scale;
        }
        else if (!double.IsFinite(norm))
        {
            optimizer.ClearGradients();
            return (loss, norm);
        }

        // The small number is PyTorch's.
        if (options.ClipNorm > 0 && options.ClipNorm / (norm + 1e-6) is < 1 and var factor) optimizer.ScaleGradients(factor);
        if (_observers.Count > 0) optimizer.GiveBack();
        optimizer.Apply(rate);
        foreach (var observer in _observers) observer.AfterStep(step, steps);
        optimizer.ClearGradients();
        average?.Update();
        return (loss, norm);
    }

    private double Passes(ImageBatch batch, double? mixed, Action begin)
    {
        while (true)
        {
            begin();
            optimizer.ClearGradients();
            try
            {
                return Accumulate(batch, mixed);
            }
            catch (Exception error) when (options.HalveOnOutOfMemory && OutOfMemory.Is(error))
            {
                var rows = Math.Min(MicroBatch, batch.Count);
                if (rows == 1) throw new TrainingException("Memory ran out with a single image at a time. Choose a smaller model or image size, a lower Precision, or a device with more memory.", error);
                MicroBatch = (rows + 1) / 2;
            }

            optimizer.ClearGradients();
            OutOfMemory.CleanUp();
            Halved?.Invoke(MicroBatch);
        }
    }

    private double Accumulate(ImageBatch batch, double? mixed)
    {
        using var scope = NewDisposeScope();
        var (images, labels) = (batch.Images.to(device), batch.Labels.to(device));
        if (mixed is { } share) (images, labels) = (Mixup.Mix(images, share), Mixup.Mix(labels, share));
        var (terms, total) = (objective.Terms(labels), 0.0);
        for (var start = 0; start < batch.Count; start += MicroBatch)
        {
            using var pass = NewDisposeScope();
            var rows = Math.Min(MicroBatch, batch.Count - start);
            BeforePass?.Invoke(rows);
            var whole = rows == batch.Count;
            var loss = objective.Loss(model, whole ? images : images.narrow(0, start, rows), whole ? labels : labels.narrow(0, start, rows), terms);
            // What a method adds is of the step and not of its images: with one of the parts only.
            if (start == 0)
                foreach (var observer in _observers)
                    if (observer.Penalty() is { } penalty) loss = loss.Plus(penalty.to(loss.device));
            total += loss.to(ScalarType.Float32).item<float>();
            if (!double.IsFinite(total)) return total;
            (Scaler is null ? loss : loss.Times(Scaler.Scale)).backward();
            BackwardFailure.Rethrow();
        }

        return total;
    }
}
